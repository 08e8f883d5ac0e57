import { Command } from 'commander';
import { decide, explainSelection, parseKernelFacts, type Selection } from '@bpfship/portability';
import {
  type BtfIndex,
  type Evidence,
  MAX_BTF_INDEX_SIZE,
  parseBtfIndex,
  parseEvidence,
  parseServiceManifest,
} from '@bpfship/media-types';
import { fetchBytes, fetchReference, requireReference } from '@bpfship/oras-client';
import { findEvidence } from '@bpfship/runtime-shim';
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
  evidence?: string[];
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
  command.option(
    '--evidence <file...>',
    'what came of the variants on real kernels, from "bpfship evidence"; you believe the files that you name',
  );
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
    const policy = await policyOf(values, context);
    const { target } = opened;
    const { signal } = context;
    const verified = policy && (await verifyArtifact({ target, subject: descriptor, policy, signal }));
    const signer = verified?.signer.hint;
    const { evidence, warnings } = await findEvidence({ target, subject: descriptor, policy, signal });
    for (const warning of warnings) context.printer.warn(warning);
    for (const file of values.evidence ?? []) evidence.push(parseEvidence(await readTextFile(file)));
    const index = parseBtfIndex(
      await fetchBytes(opened.target, manifest.config, { maxBytes: MAX_BTF_INDEX_SIZE, signal: context.signal }),
    );
    const { selection, kernel } = await selectFor(index, values.facts, evidence);
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

/** A check needs no signature; where one is asked for, it must be there. */
async function policyOf(values: Values, context: CommandContext): ReturnType<typeof policyFrom> {
  return values.key === undefined && values.policy === undefined ? undefined : policyFrom(values, context);
}

async function selectFor(
  index: BtfIndex,
  factsFile: string | undefined,
  evidence: readonly Evidence[],
): Promise<{ selection: Selection; kernel: string }> {
  if (factsFile !== undefined) {
    const facts = parseKernelFacts(await readTextFile(factsFile));
    return { selection: decide({ index, facts, evidence }), kernel: facts.release };
  }
  const { facts, btf } = await readFactsFor(index);
  return {
    selection: decide({ index, facts, evidence, ...(btf === undefined ? {} : { btf }) }),
    kernel: facts.release,
  };
}
