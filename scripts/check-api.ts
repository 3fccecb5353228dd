/** The gate for the public types: the reports in `etc/` are what users compile against; `--update` rewrites them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { build, conclude, root, run, runOrThrow, withTemporaryDirectory } from './tools.ts';

/** Of each entry of the package. */
const reports = { index: 'etc/otel-spillway.api.d.ts', testing: 'etc/otel-spillway-testing.api.d.ts' };

/** Leaves what a user's compiler sees: no comments, no private members, one order whatever file a type lives in. */
function normalise(fileName: string, text: string): string {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const printer = ts.createPrinter({ removeComments: true });
  const withoutPrivate: ts.TransformerFactory<ts.SourceFile> = (context) => {
    const visit = (node: ts.Node): ts.Node | undefined => {
      if (ts.isClassElement(node) && ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private)
        return undefined;
      return ts.visitEachChild(node, visit, context);
    };
    return (file) => ts.visitEachChild(file, visit, context);
  };
  const { transformed } = ts.transform(source, [withoutPrivate]);
  const statements = (transformed[0] ?? source).statements.map((statement) => ({
    rank: ts.isImportDeclaration(statement) ? 0 : ts.isExportDeclaration(statement) ? 2 : 1,
    name: declaredName(statement),
    text: printer.printNode(ts.EmitHint.Unspecified, statement, source),
  }));
  statements.sort((a, b) => a.rank - b.rank || compare(a.name, b.name) || compare(a.text, b.text));
  return `${statements.map((statement) => statement.text).join('\n\n')}\n`;
}

function declaredName(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations[0]?.name.getText() ?? '';
  if (ts.isImportDeclaration(statement)) return statement.moduleSpecifier.getText();
  const named = statement as Partial<Pick<ts.DeclarationStatement, 'name'>>;
  return named.name?.text ?? '';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function declarations(entry: string, extension: string): Promise<string> {
  const path = `dist/${entry}.d.${extension}`;
  return normalise(path, await readFile(join(root, path), 'utf8'));
}

/** Formatted like the rest of the repository, so that a change shows as the lines that changed. */
async function format(path: string, text: string): Promise<void> {
  await writeFile(path, `// The public types; npm run check:api -- --update writes this file.\n${text}`);
  await runOrThrow('biome', ['format', '--write', `--config-path=${join(root, 'biome.json')}`, path]);
}

async function problemsOf(entry: string, report: string, directory: string): Promise<string[]> {
  const [esm, cjs] = await Promise.all([declarations(entry, 'mts'), declarations(entry, 'cts')]);
  const built = join(directory, `${entry}.d.ts`);
  await format(built, esm);
  if (process.argv.includes('--update')) {
    await mkdir(dirname(join(root, report)), { recursive: true });
    await writeFile(join(root, report), await readFile(built));
    console.log(`api: wrote ${report}`);
    return [];
  }
  const problems: string[] = [];
  if (esm !== cjs) problems.push(`the ESM and the CommonJS types of ${entry} differ`);
  const diff = await run('git', ['diff', '--no-index', '--no-color', '--', join(root, report), built]);
  if (diff.status !== 0) {
    console.log(diff.output.trimEnd());
    problems.push(
      `the public types are not those of ${report}; if that is meant: npm run check:api -- --update`,
    );
  }
  return problems;
}

await build();
await withTemporaryDirectory(async (directory) => {
  const problems: string[] = [];
  for (const [entry, report] of Object.entries(reports)) {
    problems.push(...(await problemsOf(entry, report, directory)));
  }
  conclude(problems, `api: the public types are those of ${Object.values(reports).join(' and ')}`);
});
