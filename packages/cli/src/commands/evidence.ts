import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { packEvidence, recordEvidence } from '@bpfship/devkit';
import {
  canonicalJson,
  checkPackage,
  type Evidence,
  indexBlob,
  MAX_INDEX_BLOB_SIZE,
  MAX_VARIANT_LAYER_SIZE,
  parseEvidence,
  parseIndexBlob,
  parseServiceManifest,
  type ServiceManifest,
  variantLayer,
} from '@bpfship/media-types';
import { fetchBytes, fetchReference, type ReadOnlyTarget, requireReference } from '@bpfship/oras-client';
import { openKernel, readVariantLayer } from '@bpfship/runtime-shim';
import { signArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { fileError, readTextFile } from '../files.ts';
import { readFactsFor } from '../node-info.ts';
import { addExamples } from '../options/examples.ts';
import { signingKey } from '../options/key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues {
  from?: string;
  output?: string;
  key?: string;
  by?: string;
  attach?: boolean;
  ociLayout?: boolean;
}

/** `bpfship evidence REFERENCE` */
export function createEvidenceCommand(getContext: GetContext): Command {
  const command = new Command('evidence')
    .summary('say what came of it on a real kernel')
    .description(
      'Loads every variant once on this kernel, and adds what came of it to the package as a referrer. The package and its signature stay as they are; nodes believe evidence only of keys that their policy names in evidenceKeys, and only about exactly the kernel that it names.',
    )
    .argument('<reference>', 'the package')
    .option('--from <file>', 'add this evidence and load nothing; from --output, or "bpfship build --evidence"')
    .option('-o, --output <file>', 'write the evidence into a file, and add nothing to the package')
    .option('--key <key>', 'private key to sign the evidence with: a file or env://VARIABLE')
    .option(
      '--attach',
      'also attach programs that only watch (tracepoints, kprobes, fentry, fexit) for a moment; they may run meanwhile',
    )
    .option('--by <name>', 'who says so, for people')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Of this kernel, signed', 'sudo bpfship evidence ghcr.io/acme/exec-watch:1.0.0 --key evidence.key'],
    ['Into a file', 'sudo bpfship evidence ghcr.io/acme/exec-watch:1.0.0 --output here.json'],
    ['Of another machine', 'bpfship evidence ghcr.io/acme/exec-watch:1.0.0 --from there.json --key evidence.key'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    await using opened = await openReference(reference, values, context);
    const { target } = opened;
    const { signal } = context;
    const { descriptor: subject, bytes } = await fetchReference(target, requireReference(opened), { signal });
    const evidence =
      values.from === undefined
        ? await recordHere(target, parseServiceManifest(bytes), values, context)
        : parseEvidence(await readTextFile(values.from));
    const place = `${opened.location}@${subject.digest}`;
    if (values.output !== undefined) {
      await writeEvidence(values.output, evidence);
      report(context, evidence, { place: values.output });
      return;
    }
    const descriptor = await packEvidence({ target, subject, evidence, signal });
    if (values.key === undefined) {
      context.printer.warn('the evidence is not signed; no node will believe it (--key)');
    } else {
      await signArtifact({ target, subject: descriptor, key: await signingKey(values.key, context), signal });
    }
    report(context, evidence, { place, digest: descriptor.digest });
  });
}

async function recordHere(
  target: ReadOnlyTarget,
  manifest: ServiceManifest,
  { by, attach = false }: Values,
  { signal }: CommandContext,
): Promise<Evidence> {
  const blob = await fetchBytes(target, indexBlob(manifest), { maxBytes: MAX_INDEX_BLOB_SIZE, signal });
  const index = parseIndexBlob(manifest, blob);
  checkPackage(manifest, index);
  const read = await readFactsFor(index);
  await using kernel = openKernel();
  const objectAt = async (position: number): Promise<Uint8Array> => {
    const variant = index.variants[position];
    if (!variant) throw new RangeError(`no variant ${position}`);
    const layer = variantLayer(manifest, variant);
    return readVariantLayer(
      await fetchBytes(target, layer, { maxBytes: MAX_VARIANT_LAYER_SIZE, signal }),
      layer,
      variant,
    );
  };
  const date = new Date().toISOString();
  const { evidence } = await recordEvidence({ ...read, kernel, index, objectAt, date, by, attach, signal });
  if (evidence) return evidence;
  throw new CliError(
    'ERR_CLI_EVIDENCE',
    `nothing of ${index.name} ${index.version} could be tried on this kernel`,
    'Run it as root, or with CAP_BPF and CAP_PERFMON, where a variant is for this architecture; "bpfship info" shows what this process may do.',
  );
}

async function writeEvidence(path: string, evidence: Evidence): Promise<void> {
  await writeFile(path, canonicalJson(evidence)).catch((error: unknown) => {
    throw fileError(error, path, 'written');
  });
}

function report({ printer }: CommandContext, evidence: Evidence, added: { place: string; digest?: string }): void {
  const lines = evidence.kernels.flatMap(({ release, runs }) =>
    runs.map(({ variant, programs }) => {
      const failed = programs.filter(({ loads }) => loads.outcome === 'failed').map(({ name }) => name);
      const said = failed.length === 0 ? 'every program loads' : `does not load: ${failed.join(', ')}`;
      const tried = programs.filter(({ attaches }) => attaches !== undefined);
      const attached = tried.filter(({ attaches }) => attaches?.outcome === 'ok').length;
      const also = tried.length === 0 ? '' : `; ${attached} of ${tried.length} tried attach`;
      return `  Linux ${release}: ${variant}: ${said}${also}`;
    }),
  );
  const { place, digest } = added;
  printer.result({
    text: [`Evidence in ${place}`, ...lines, ...(digest === undefined ? [] : [`Digest: ${digest}`])].join('\n'),
    data: { place, digest, kernels: evidence.kernels },
    brief: digest ?? place,
  });
}
