import { Command } from 'commander';
import { decide, explainSelection, parseKernelFacts, type Selection } from '@bpfship/portability';
import { MAX_BTF_INDEX_SIZE, parseBtfIndex, parseServiceManifest, type BtfIndex } from '@bpfship/media-types';
import { fetchBytes, fetchReference, requireReference } from '@bpfship/oras-client';
import { verifyArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { readTextFile } from '../files.ts';
import { readFactsFor } from '../node-info.ts';
import { addExamples } from '../options/examples.ts';
import { addVerifyOptions, policyFrom, type VerifyOptionValues } from '../options/key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues, VerifyOptionValues {
  ociLayout?: boolean;
  facts?: string;
}

/** `bpfship check REFERENCE` */
export function createCheckCommand(getContext: GetContext): Command {
  const command = new Command('check')
    .summary('will it run here, and if not, why not')
    .description(
      'Holds what every variant needs against a kernel’s facts: this one’s, or those in a file. Nothing is loaded and no layer is downloaded.',
    )
    .argument('<reference>', 'the package')
    .option('--oci-layout', 'the reference is an OCI layout folder')
    .option('--facts <file>', 'kernel facts of another node, from "bpfship facts"');
  addExamples(addRegistryOptions(addVerifyOptions(command)), [
    ['On this kernel', 'bpfship check ghcr.io/acme/exec-watch:1.0.0'],
    ['Also verify the signature', 'bpfship check ghcr.io/acme/exec-watch:1.0.0 --key acme.pub'],
    ['For another node, in CI', 'bpfship check --oci-layout build/exec-watch:1.0.0 --facts node7.json'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    await using opened = await openReference(reference, values, context);
    const { descriptor, bytes } = await fetchReference(opened.target, requireReference(opened), {
      signal: context.signal,
    });
    const manifest = parseServiceManifest(bytes);
    const signer = await verifiedSigner(
      values,
      context,
      async (policy) =>
        (await verifyArtifact({ target: opened.target, subject: descriptor, policy, signal: context.signal })).signer
          .hint,
    );
    const index = parseBtfIndex(
      await fetchBytes(opened.target, manifest.config, { maxBytes: MAX_BTF_INDEX_SIZE, signal: context.signal }),
    );
    const { selection, kernel } = await selectFor(index, values.facts);
    const selected = selection.candidates[0];
    context.printer.result({
      text: () =>
        [
          `${index.name} ${index.version} on Linux ${kernel}`,
          signer === undefined ? 'Signature: not checked' : `Signature: verified, key ${signer}`,
          '',
          explainSelection(selection),
          '',
          selected === undefined ? 'No variant fits this kernel.' : `Selected: ${selected.variant}`,
        ].join('\n'),
      data: {
        reference: `${opened.location}@${descriptor.digest}`,
        name: index.name,
        version: index.version,
        kernel,
        signer,
        selected: selected?.variant,
        ...selection,
      },
      brief: selected?.variant ?? '',
    });
    if (selected === undefined) {
      throw new CliError(
        'ERR_CLI_NO_VARIANT',
        `no variant of ${index.name} ${index.version} fits Linux ${kernel}`,
        'The table says what each variant lacks; ask the author for a variant for this kernel.',
      );
    }
  });
}

async function verifiedSigner(
  values: Values,
  context: CommandContext,
  verify: (policy: NonNullable<Awaited<ReturnType<typeof policyFrom>>>) => Promise<string>,
): Promise<string | undefined> {
  if (values.key === undefined && values.policy === undefined) return undefined;
  const policy = await policyFrom(values, context);
  return policy && verify(policy);
}

async function selectFor(
  index: BtfIndex,
  factsFile: string | undefined,
): Promise<{ selection: Selection; kernel: string }> {
  if (factsFile !== undefined) {
    const facts = parseKernelFacts(await readTextFile(factsFile));
    return { selection: decide({ index, facts }), kernel: facts.release };
  }
  const { facts, btf } = await readFactsFor(index);
  return { selection: decide({ index, facts, ...(btf === undefined ? {} : { btf }) }), kernel: facts.release };
}
