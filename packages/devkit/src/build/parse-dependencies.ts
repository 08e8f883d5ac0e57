/**
 * The files in a dependency file of clang (`-MMD`): `target: a b \` and further lines, with blanks escaped by a backslash, `#` likewise
 * and `$` doubled.
 */
export function parseDependencies(text: string): string[] {
  const list = text.replaceAll('\\\n', ' ').replace(/^(?:\\.|[^:\\])*:(?=\s)/, '');
  const words = list.match(/(?:\\[ #\\]|[^\s])+/g) ?? [];
  return words.map((word) => word.replace(/\\([ #])/g, '$1').replaceAll('$$', '$'));
}
