import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { kernelFactsBytes } from '@bpfship/portability';
import type { BtfForm } from '@bpfship/runtime-shim';
import type { CommandContext, GetContext } from '../context.ts';
import { fileError } from '../files.ts';
import { exportFacts } from '../node-info.ts';
import { addExamples } from '../options/examples.ts';

interface Values {
  output?: string;
  btf: BtfForm;
}

/** `bpfship facts` */
export function createFactsCommand(getContext: GetContext): Command {
  const command = new Command('facts')
    .summary('export what this kernel offers')
    .description(
      'Writes this node’s kernel facts as one canonical JSON document, with which "check --facts" decides about any package elsewhere as here. Without root, what cannot be asked is left out.',
    )
    .option('-o, --output <file>', 'file to write; default is standard output')
    .addOption(
      new Option('--btf <form>', 'the kernel’s BTF in the document: packed, whole, or left out')
        .choices(['compact', 'full', 'none'])
        .default('compact'),
    );
  addExamples(command, [
    ['For "check --facts" elsewhere', 'bpfship facts --output node7.json'],
    ['Into a pipe', 'bpfship facts | gzip > node7.json.gz'],
    ['Small, where the BTF is kept by its digest', 'bpfship facts --btf none --output node7.json'],
  ]);
  return command.action(async ({ output, btf }: Values) => printFacts(getContext(), btf, output));
}

/** Exports the facts to a file and says so; without a file, the document itself is the result in every format. */
export async function printFacts({ streams, printer }: CommandContext, btf: BtfForm, output?: string): Promise<void> {
  const facts = await exportFacts(btf);
  const bytes = kernelFactsBytes(facts);
  if (output === undefined) {
    streams.stdout.write(`${Buffer.from(bytes).toString('utf8')}\n`);
    return;
  }
  await writeFile(output, bytes).catch((error: unknown) => {
    throw fileError(error, output, 'written');
  });
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const { release, architecture } = facts;
  printer.result({
    text: `Facts of Linux ${release} (${architecture}) written to ${output}: ${bytes.length} bytes, ${digest}`,
    data: { output, release, architecture, size: bytes.length, digest },
    brief: digest,
  });
}
