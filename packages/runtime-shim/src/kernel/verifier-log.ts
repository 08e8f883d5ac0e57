/** Lines of the verifier's log that are shown. */
const SHOWN_LINES = 12;

/**
 * The last words of a verifier log: what was wrong, with the instructions before it. The statistics at the end are left out, and how
 * many lines were is said.
 */
export function summarizeVerifierLog(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(
      (line) => line !== '' && !/^(?:processed \d+ insns|verification time|stack depth|-- (?:BEGIN|END) )/.test(line),
    );
  const shown = lines.slice(-SHOWN_LINES).map((line) => `  ${line.slice(0, 300)}`);
  const omitted = lines.length - shown.length;
  return [
    ...(omitted > 0 ? [`  (${omitted} ${omitted === 1 ? 'line' : 'lines'} of the verifier’s log left out)`] : []),
    ...shown,
  ].join('\n');
}
