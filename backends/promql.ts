/** What a query of Prometheus names: metrics and labels, read with Prometheus' own grammar. */

import { parser } from '@prometheus-io/lezer-promql';

interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** The samples that a part of a query asks for. */
export interface Selector {
  /** A name, or a pattern of names. */
  readonly name: string | RegExp;
  readonly matchers: readonly Matcher[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels by which it groups or joins. */
  readonly labels: readonly string[];
}

/** Throws where the text is no query. */
export function parseQuery(text: string): Query {
  const selectors: { name: string | RegExp; matchers: Matcher[] }[] = [];
  const labels: string[] = [];
  const textOf = (node: { readonly from: number; readonly to: number }) => text.slice(node.from, node.to);
  parser.parse(text).iterate({
    enter(node) {
      const { name, node: syntax } = node;
      if (name === '⚠') throw new Error(`no query at ${node.from}: ${text}`);
      if (name === 'VectorSelector') {
        const identifier = syntax.getChild('Identifier');
        selectors.push({ name: identifier === null ? '' : textOf(identifier), matchers: [] });
      } else if (name === 'UnquotedLabelMatcher') {
        const [label, operator, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((kind) => {
          const child = syntax.getChild(kind);
          return child === null ? '' : textOf(child);
        }) as [string, string, string];
        const selector = selectors.at(-1) as (typeof selectors)[number];
        const unquoted = value.slice(1, -1);
        if (label !== '__name__') selector.matchers.push({ label, operator, value: unquoted });
        else selector.name = operator === '=~' ? new RegExp(`^(?:${unquoted})$`) : unquoted;
      } else if (name === 'LabelName' && syntax.parent?.name === 'GroupingLabels') {
        labels.push(textOf(node));
      }
    },
  });
  return { selectors, labels };
}
