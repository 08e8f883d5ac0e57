import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { type KernelToSupplement, packSupplement } from '@bpfship/devkit';
import {
  indexBlob,
  MAX_INDEX_BLOB_SIZE,
  type NearKernels,
  parseIndexBlob,
  parseServiceManifest,
} from '@bpfship/media-types';
import { fetchBytes, fetchReference, requireReference } from '@bpfship/oras-client';
import { signArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { fileError, readTextFile } from '../files.ts';
import { addExamples } from '../options/examples.ts';
import { signingKey } from '../options/key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues {
  kernels: string;
  key?: string;
  ociLayout?: boolean;
}

/** `bpfship supplement REFERENCE --kernels FILE` */
export function createSupplementCommand(getContext: GetContext): Command {
  const command = new Command('supplement')
    .summary('add BTF for kernels that carry none')
    .description(
      'Makes minimal BTF of kernels for what a package needs, and attaches it to the package as a referrer. The package and its signature stay as they are; nodes take a supplement only from keys that their policy names in supplementKeys.',
    )
    .argument('<reference>', 'the package')
    .requiredOption(
      '--kernels <file>',
      'JSON list of kernels: release (uname -r), version (uname -v, optional), architecture, btf (file with the whole BTF)',
    )
    .option('--key <key>', 'private key to sign the supplement with: a file or env://VARIABLE')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    [
      'Kernels of a list, signed in the supplement role',
      'bpfship supplement ghcr.io/acme/exec-watch:1.0.0 --kernels kernels.json --key supplements.key',
    ],
    [
      'A key from the environment, in CI',
      'bpfship supplement ghcr.io/acme/exec-watch:1.0.0 --kernels kernels.json --key env://SUPPLEMENT_KEY',
    ],
    ['In a folder', 'bpfship supplement --oci-layout build/exec-watch:1.0.0 --kernels kernels.json'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const kernels = await readKernels(values.kernels);
    await using opened = await openReference(reference, values, context);
    const { target } = opened;
    const { signal } = context;
    const { descriptor: subject, bytes } = await fetchReference(target, requireReference(opened), { signal });
    const manifest = parseServiceManifest(bytes);
    const blob = await fetchBytes(target, indexBlob(manifest), { maxBytes: MAX_INDEX_BLOB_SIZE, signal });
    const index = parseIndexBlob(manifest, blob);
    const packed = await packSupplement({ target, subject, index, kernels, signal });
    if (values.key === undefined) {
      context.printer.warn('the supplement is not signed; nodes with a policy will leave it out (--key)');
    } else {
      await signArtifact({ target, subject: packed.descriptor, key: await signingKey(values.key, context), signal });
    }
    const { digest } = packed.descriptor;
    const count = packed.table.kernels.length;
    context.printer.result({
      text: `Added BTF for ${count} ${count === 1 ? 'kernel' : 'kernels'} to ${opened.location}@${subject.digest}: ${packed.layers} ${packed.layers === 1 ? 'layer' : 'layers'}, ${packed.size} bytes\nDigest: ${digest}`,
      data: {
        reference: `${opened.location}@${subject.digest}`,
        digest,
        kernels: packed.table.kernels,
        layers: packed.layers,
        size: packed.size,
      },
      brief: digest,
    });
  });
}

async function readKernels(path: string): Promise<KernelToSupplement[]> {
  let list: unknown;
  try {
    list = JSON.parse(await readTextFile(path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badList(path, 'is not JSON');
  }
  if (!Array.isArray(list) || list.length === 0) throw badList(path, 'is no list of kernels');
  const kernels: KernelToSupplement[] = [];
  for (const [at, entry] of list.entries()) {
    const { release, version, architecture, btf, near } = (entry ?? {}) as Record<string, unknown>;
    if (typeof release !== 'string' || typeof architecture !== 'string' || typeof btf !== 'string') {
      throw badList(path, `lacks release, architecture or btf in entry ${at + 1}`);
    }
    const file = resolve(dirname(path), btf);
    kernels.push({
      release,
      ...(typeof version === 'string' ? { version } : {}),
      architecture,
      btf: await readFile(file).catch((error: unknown) => {
        throw fileError(error, file, 'read');
      }),
      // The table's own schema checks it.
      ...(near === undefined ? {} : { near: near as NearKernels }),
    });
  }
  return kernels;
}

function badList(path: string, why: string): CliError {
  return new CliError(
    'ERR_CLI_USAGE',
    `${path} ${why}`,
    'It looks like this: [{"release":"5.4.0-42-generic","architecture":"amd64","btf":"5.4.0-42-generic.btf"}]',
  );
}
