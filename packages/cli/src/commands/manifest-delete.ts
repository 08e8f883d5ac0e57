import { Command } from 'commander';
import { isNotFound } from '@bpfship/oras-client';
import { confirmDelete } from '../artifact/confirm.ts';
import { descriptorData } from '../artifact/descriptor-data.ts';
import { openRepository } from '../artifact/open-repository.ts';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { addRegistryOptions, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues {
  force?: boolean;
}

/** `bpfship manifest delete REFERENCE` */
export function createManifestDeleteCommand(getContext: GetContext): Command {
  const command = new Command('delete')
    .alias('rm')
    .summary('delete a manifest, with all its tags')
    .description(
      'Deletes the manifest that a reference means, and with it every tag that means it. Many registries delete nothing until their operator lets them; blobs go when the registry collects its garbage.',
    )
    .argument('<reference>', 'the artifact, by tag or digest')
    .option('-f, --force', 'ask nothing; and what is not there is no error');
  addExamples(addRegistryOptions(command), [
    ['After a question', 'bpfship manifest delete ghcr.io/acme/exec-watch:0.9.0'],
    ['In a script', 'bpfship manifest delete --force 127.0.0.1:5000/exec-watch:test'],
    ['Exactly this one', 'bpfship manifest delete 127.0.0.1:5000/exec-watch@sha256:9f86d081...'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const { printer, signal } = context;
    const force = values.force ?? false;
    await using opened = await openRepository(reference, values, context);
    const { repository, location } = opened;
    if (opened.reference === undefined) {
      throw new CliError(
        'ERR_CLI_USAGE',
        `"${reference}" names no tag and no digest`,
        `Name what is to be deleted, such as ${location}:1.0.0; "bpfship repo tags ${location}" lists the tags.`,
      );
    }
    const name = opened.reference;
    try {
      const descriptor = await repository.resolve(name, { signal });
      const data = descriptorData(location, descriptor);
      if (!(await confirmDelete(`the manifest ${data.reference} with all its tags`, { force }, context))) return;
      await repository.delete(descriptor, { signal });
      printer.result({ text: `Deleted ${data.reference}`, data, brief: data.reference });
    } catch (error) {
      if (!force || !isNotFound(error)) throw error;
      printer.status(`Missing ${reference}`);
    }
  });
}
