/** Text from outside is shown up to this length. */
const MAX_LENGTH = 512;

/**
 * Text from outside, fit for a message: without control characters, which could drive a terminal, and without the marks that turn the
 * direction of text; cut to 512 characters.
 */
export function printable(text: string): string {
  return text
    .slice(0, 4 * MAX_LENGTH)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, MAX_LENGTH);
}
