/** Makes characters visible that steer a terminal, or hide or reorder what people read. */

/**
 * Controls of the terminal (C0, C1), of the direction of writing, separators of lines, lone surrogates and all that
 * has no shape of its own (Unicode, "Default_Ignorable_Code_Point"), but for the selectors that colour an emoji.
 */
const INVISIBLE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** The same, but for C0: `JSON.stringify` escapes it in texts, and writes line feeds between them. */
const INVISIBLE_IN_JSON =
  /(?![\ufe0e\ufe0f])[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** A text for people, in one line: `\u001b` where it has an escape. */
export function visible(text: string): string {
  return text.replaceAll(INVISIBLE, escaped);
}

/** As `JSON.stringify`, and what it leaves invisible is escaped: parsed, it is the same. */
export function visibleJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(INVISIBLE_IN_JSON, escaped);
}

function escaped(character: string): string {
  let text = '';
  for (let index = 0; index < character.length; index++) {
    text += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return text;
}
