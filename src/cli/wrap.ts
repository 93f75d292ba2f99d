/** The text in lines of at most `width` characters, broken between words; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** An entry of a list in help: what it is about, and behind column `column` what there is to say, wrapped. */
export function helpEntry(head: string, help: string, column: number, width: number): string {
  const lines = wrap(help, width - column);
  const first = head.length < column - 1 ? `${head.padEnd(column)}${lines.shift() ?? ''}` : head;
  return [first, ...lines.map((line) => ' '.repeat(column) + line)].join('\n');
}
