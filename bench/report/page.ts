import type { Result } from './result.ts';
import { renderComparisons, renderGroup } from './table.ts';

const HEAD = `# Results

Written by \`npm run bench\` from the JSON files beside it; do not edit. How to run and how to read: [../README.md](../README.md).`;

/** The page of all results. */
export function renderPage(results: readonly Result[]): string {
  return `${[HEAD, ...results.map(renderResult)].join('\n\n')}\n`;
}

function renderResult(result: Result): string {
  const { name, question, machine, date, commit, peers, method, groups, comparisons, lists } = result;
  const where = `${machine.cpus} CPUs (${machine.cpuModel}), ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}`;
  const what = [`commit ${commit}`, ...Object.values(peers)].join(', ');
  return [
    `## ${name}`,
    question,
    `${date}; ${where}; load before: ${machine.loadBefore}; ${what}.`,
    ...groups.map(renderGroup),
    ...(comparisons.length > 0 ? [renderComparisons(comparisons)] : []),
    ...lists.map(({ title, lines }) => `${title}:\n\n${lines.map((line) => `- \`${line}\``).join('\n')}`),
    `How it was measured:\n\n${method.map((sentence) => `- ${sentence}`).join('\n')}`,
  ].join('\n\n');
}
