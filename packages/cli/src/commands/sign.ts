import { Command } from 'commander';
import { requireReference } from '@bpfship/oras-client';
import { loadPrivateKey, readKeyReference, signArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { readPassword } from '../options/key-options.ts';
import { addRegistryOptions, openReference, type RegistryOptionValues } from '../options/registry-options.ts';

interface Values extends RegistryOptionValues {
  key?: string;
  ociLayout?: boolean;
}

/** `bpfship sign REFERENCE --key KEY` */
export function createSignCommand(getContext: GetContext): Command {
  const command = new Command('sign')
    .summary('sign a package')
    .description(
      'Signs a package in a registry or a folder. The signature is a Sigstore bundle, attached as a referrer; "cosign verify --key" accepts it.',
    )
    .argument('<reference>', 'the package')
    .option('--key <key>', 'private key: a file or env://VARIABLE')
    .option('--oci-layout', 'the reference is an OCI layout folder');
  addExamples(addRegistryOptions(command), [
    ['Sign what was pushed', 'bpfship sign --key bpfship.key ghcr.io/acme/exec-watch:1.0.0'],
    [
      'Sign before pushing; push and copy take signatures along',
      'bpfship sign --key bpfship.key --oci-layout build/exec-watch:1.0.0',
    ],
    ['A key from the environment, in CI', 'bpfship sign --key env://SIGNING_KEY ghcr.io/acme/exec-watch@sha256:…'],
  ]);
  return command.action(async (reference: string, values: Values) => {
    const context = getContext();
    const keyReference = values.key ?? context.streams.env['BPFSHIP_KEY'];
    if (keyReference === undefined)
      throw new CliError(
        'ERR_CLI_USAGE',
        'nothing says which key signs',
        'Name a private key with --key FILE; "bpfship generate-key-pair" makes one.',
      );
    const pem = await readKeyReference(keyReference, { env: context.streams.env, stdin: context.streams.stdin });
    const needsPassword = /ENCRYPTED/.test(pem);
    const key = await loadPrivateKey(
      pem,
      needsPassword ? { password: await readPassword(context, 'Password of the private key: ') } : {},
    );
    await using opened = await openReference(reference, values, context);
    const subject = await opened.target.resolve(requireReference(opened), { signal: context.signal });
    const signature = await signArtifact({ target: opened.target, subject, key, signal: context.signal });
    context.printer.result({
      text: `Signed ${opened.location}@${subject.digest}\nSignature: ${signature.descriptor.digest}${signature.existing ? ' (was there already)' : ''}`,
      data: {
        reference: `${opened.location}@${subject.digest}`,
        digest: subject.digest,
        signature: signature.descriptor.digest,
        existing: signature.existing,
      },
      brief: signature.descriptor.digest,
    });
  });
}
