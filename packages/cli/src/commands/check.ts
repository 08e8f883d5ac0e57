import { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { describeObject } from '@bpfship/devkit';
import { explanationRows, type KernelFacts } from '@bpfship/portability';
import {
  type BtfIndex,
  type Evidence,
  indexBlob,
  MAX_INDEX_BLOB_SIZE,
  parseEvidence,
  parseIndexBlob,
  parseServiceManifest,
} from '@bpfship/media-types';
import { fetchBytes, fetchReference, requireReference } from '@bpfship/oras-client';
import { findEvidence, findSupplement } from '@bpfship/runtime-shim';
import { verifyArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { fileError, readTextFile } from '../files.ts';
import { type Checked, type CheckInput, checkOn, fleetTable, programTable } from './check-facts.ts';
import { resultWidth } from '../terminal/streams.ts';
import { table } from '../terminal/table.ts';
import { addExamples } from '../options/examples.ts';
import { addTargetOptions, attachTargets, type TargetOptionValues } from '../options/target-options.ts';
import { addSetOption, readSettings } from '../options/set-option.ts';
import { addVerifyOptions, policyFrom, type VerifyOptionValues } from '../options/key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues, VerifyOptionValues, TargetOptionValues {
  ociLayout?: boolean;
  facts?: string[];
  btf?: string;
  evidence?: string[];
  set?: Record<string, string>;
}

/** `bpfship check REFERENCE` */
export function createCheckCommand(getContext: GetContext): Command {
  const command = new Command('check')
    .summary('will it run here, and if not, why not')
    .description(
      'Holds what every variant of a package, or a BPF object file, needs against a kernel’s facts: this one’s, or those in files. Nothing is loaded and no layer is downloaded.',
    )
    .argument('<reference>', 'the package, or a BPF object file (./x.bpf.o)')
    .option('--oci-layout', 'the reference is an OCI layout folder')
    .option('--facts <files...>', 'kernel facts of other nodes, from "bpfship facts"; of a folder, all its .json files')
    .option('--btf <file>', 'BTF of the kernel, where the facts carry none');
  command.option(
    '--evidence <file...>',
    'what came of the variants on real kernels, from "bpfship evidence"; you believe the files that you name',
  );
  addSetOption(command);
  addExamples(addRegistryOptions(addVerifyOptions(addTargetOptions(command))), [
    ['On this kernel', 'bpfship check ghcr.io/acme/exec-watch:1.0.0'],
    ['Also verify the signature', 'bpfship check ghcr.io/acme/exec-watch:1.0.0 --key acme.pub'],
    ['For another node, in CI', 'bpfship check --oci-layout build/exec-watch:1.0.0 --facts node7.json'],
    ['For a fleet, one JSON line a node', 'bpfship check ghcr.io/acme/exec-watch:1.0.0 --facts facts/*.json --json'],
    ['A BPF object file, program by program', 'bpfship check ./probe.bpf.o'],
    ['With a load parameter', 'bpfship check ghcr.io/acme/exec-watch:1.0.0 --set only_pid=1'],
    ['On an interface', 'bpfship check ghcr.io/acme/xdp-guard:1.0.0 --interface eth0 --xdp-mode native'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const object = await readObjectFile(reference);
    if (object !== undefined) {
      const index = describeObject(object, reference, Object.keys(values.set ?? {}));
      await report(context, index, values, { reference, title: reference });
      return;
    }
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
    const blob = await fetchBytes(target, indexBlob(manifest), { maxBytes: MAX_INDEX_BLOB_SIZE, signal });
    const index = parseIndexBlob(manifest, blob);
    const supplement = async (facts: KernelFacts): Promise<Uint8Array | undefined> => {
      const trust = policy ? { policy } : { allowUnsigned: true as const };
      const search = await findSupplement({ target, subject: descriptor, facts, ...trust, signal });
      for (const warning of search.warnings) context.printer.warn(warning);
      return search.found?.bytes;
    };
    await report(context, index, values, {
      evidence,
      supplement,
      reference: `${opened.location}@${descriptor.digest}`,
      title: `${index.name} ${index.version}`,
      signature: signer === undefined ? 'Signature: not checked' : `Signature: verified, key ${signer}`,
      signer,
    });
  });
}

/** What is checked, for people and for programs. */
interface Subject {
  reference: string;
  title: string;
  signature?: string;
  signer?: string | undefined;
  /** What is known of real kernels. */
  evidence?: readonly Evidence[];
  /** Finds BTF for a kernel that has none. */
  supplement?: CheckInput['supplement'];
}

/** Prints the verdicts: of one kernel in full, of several as a table or as JSON lines. */
async function report(context: CommandContext, index: BtfIndex, values: Values, subject: Subject): Promise<void> {
  const files = values.facts ?? [];
  const width = resultWidth(context.streams);
  const checked: Checked[] = [];
  for await (const each of checkOn(index, {
    files,
    btf: values.btf,
    evidence: subject.evidence ?? [],
    attachTargets: attachTargets(values),
    parameters: readSettings(index.parameters ?? [], values.set),
    ...(subject.supplement ? { supplement: subject.supplement } : {}),
  })) {
    checked.push(each);
  }
  // One file is one kernel in full; a folder is a fleet, even of one.
  if (checked.length !== 1 || (files.length > 0 && checked[0]?.facts !== files[0])) {
    context.printer.result({
      text: () => [subject.title, '', fleetTable(checked, width)].join('\n'),
      data: checked.map((each) => ({
        reference: subject.reference,
        facts: each.facts,
        kernel: each.kernel,
        selected: each.selection.candidates[0]?.variant,
        ...each.selection,
      })),
      brief: checked.map(({ selection }) => selection.candidates[0]?.variant ?? '').join('\n'),
    });
  } else {
    for (const each of checked) printOne(context, index, subject, each);
  }
  const unfit = checked.find(({ selection }) => selection.candidates.length === 0);
  if (unfit === undefined) return;
  const isObject = subject.signature === undefined;
  throw new CliError(
    'ERR_CLI_NO_VARIANT',
    isObject
      ? `not every program of ${subject.title} runs on Linux ${unfit.kernel}`
      : `no variant of ${subject.title} fits Linux ${unfit.kernel}`,
    isObject
      ? 'The table says what is missing; a program that may be absent is left out by SEC("?…").'
      : 'The table says what each variant lacks; ask the author for a variant for this kernel.',
  );
}

function printOne(context: CommandContext, index: BtfIndex, subject: Subject, { kernel, selection }: Checked): void {
  const width = resultWidth(context.streams);
  const selected = selection.candidates[0];
  const isObject = subject.signature === undefined;
  const programs = selection.verdicts[0]?.programs ?? [];
  context.printer.result({
    text: () =>
      [
        `${subject.title} on Linux ${kernel}`,
        ...(subject.signature === undefined ? [] : [subject.signature]),
        '',
        isObject ? programTable(programs, width) : table(explanationRows(selection), width),
        ...(isObject
          ? []
          : ['', selected === undefined ? 'No variant fits this kernel.' : `Selected: ${selected.variant}`]),
      ].join('\n'),
    data: {
      reference: subject.reference,
      ...(isObject ? {} : { name: index.name, version: index.version }),
      kernel,
      signer: subject.signer,
      selected: selected?.variant,
      ...selection,
    },
    brief: selected?.variant ?? '',
  });
}

/** The bytes where the reference is an ELF file; undefined for everything else, which is a package. */
async function readObjectFile(reference: string): Promise<Uint8Array | undefined> {
  if (!/\.(o|elf|bpf)$/.test(reference)) return undefined;
  return readFile(reference).catch((error: unknown) => {
    throw fileError(error, reference, 'read');
  });
}

/** A check needs no signature; where one is asked for, it must be there. */
async function policyOf(values: Values, context: CommandContext): ReturnType<typeof policyFrom> {
  return values.key === undefined && values.policy === undefined ? undefined : policyFrom(values, context);
}
