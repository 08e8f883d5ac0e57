import { Command } from 'commander';
import { isNotFound } from '@bpfship/oras-client';
import { confirmDelete } from '../artifact/confirm.ts';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { openRepository, requireDigest } from '../artifact/open-repository.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues {
  force?: boolean;
}

/** `bpfship blob delete REPOSITORY@DIGEST` */
export function createBlobDeleteCommand(getContext: GetContext): Command {
  const command = new Command('delete')
    .alias('rm')
    .summary('delete a blob')
    .description(
      'Deletes a blob from a repository, whether a manifest names it or not. Many registries do not offer this; they collect what no manifest names.',
    )
    .argument('<blob>', 'repository@digest')
    .option('-f, --force', 'ask nothing; and what is not there is no error');
  addExamples(addRegistryOptions(command), [
    ['After a question', 'bpfship blob delete 127.0.0.1:5000/exec-watch@sha256:9f86d081...'],
    ['In a script', 'bpfship blob delete --force 127.0.0.1:5000/exec-watch@sha256:9f86d081...'],
    ['As JSON', 'bpfship blob delete -f -j 127.0.0.1:5000/exec-watch@sha256:9f86d081...'],
  ]);
  return command.action(async (blob: string, values: Values) => {
    const context = getContext();
    const { printer, signal } = context;
    const force = values.force ?? false;
    await using opened = await openRepository(blob, values, context);
    const { repository, location } = opened;
    try {
      const descriptor = await repository.resolveBlob(requireDigest(opened), { signal });
      const data = descriptorData(location, descriptor);
      if (!(await confirmDelete(`the blob ${data.reference}`, { force }, context))) return;
      await repository.delete(descriptor, { signal });
      printer.result({ text: `Deleted ${data.reference}`, data, brief: data.reference });
    } catch (error) {
      if (!force || !isNotFound(error)) throw error;
      printer.status(`Missing ${blob}`);
    }
  });
}
