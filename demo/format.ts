/** Numbers and columns as people read them. */

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function byteSize(bytes: number): string {
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1_024)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

export function seconds(millis: number): string {
  return `${(millis / 1_000).toFixed(1)} s`;
}

/** Every column is as wide as its widest cell; the first `leftColumns` are aligned left, the others right. */
export function columns(
  rows: readonly (readonly string[])[],
  leftColumns: number,
  minWidth = 0,
  gap = '   ',
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? minWidth, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < leftColumns ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(gap)
      .trimEnd(),
  );
}

/** Lines of at most `width`, broken between words; a word that is longer has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
