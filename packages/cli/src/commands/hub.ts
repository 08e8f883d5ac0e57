import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { buildCatalogue, publishCatalogue, renderPage } from '@bpfship/hub';
import { openTarget, parseReference } from '@bpfship/oras-client';
import { loadPrivateKey, readKeyReference, signArtifact, verifyArtifact } from '@bpfship/trust';
import { CliError } from '../cli-error.ts';
import type { CommandContext, GetContext } from '../context.ts';
import { fileError, readTextFile } from '../files.ts';
import { addCatalogueOptions, type CatalogueValues, openCatalogue } from '../options/catalogue-options.ts';
import { addExamples } from '../options/examples.ts';
import { addVerifyOptions, policyFrom, readPassword, type VerifyOptionValues } from '../options/key-options.ts';
import { addRegistryOptions, type RegistryOptionValues, remoteOptions } from '../options/registry-options.ts';

/** `bpfship hub build|export` */
export function createHubCommand(getContext: GetContext): Command {
  const command = new Command('hub')
    .summary('make a service hub: catalogue and page')
    .description('A service hub is a signed catalogue of packages in any registries, and a static page made from it.')
    .addCommand(createBuildCommand(getContext))
    .addCommand(createExportCommand(getContext));
  return addExamples(command, [
    ['Build a catalogue', 'bpfship hub build ghcr.io/acme/exec-watch --key acme.pub --sign-key hub.key'],
    ['Publish it', 'bpfship push catalogue:latest ghcr.io/acme/catalogue:latest'],
    ['Make a page of it', 'bpfship hub export --catalogue ghcr.io/acme/catalogue:latest --key hub.pub'],
  ]);
}

interface BuildValues extends RegistryOptionValues, VerifyOptionValues {
  name: string;
  output: string;
  tag: string;
  signKey?: string;
  repositories?: string;
}

function createBuildCommand(getContext: GetContext): Command {
  const command = new Command('build')
    .summary('build a signed catalogue from repositories')
    .description(
      'Reads every tag of the repositories, verifies each package, and writes a catalogue artifact into an OCI layout folder. Push it with "bpfship push".',
    )
    .argument('[repositories...]', 'repositories, e.g. ghcr.io/acme/exec-watch')
    .option('--repositories <file>', 'a file with one repository a line')
    .option('--name <name>', 'name of the catalogue', 'catalogue')
    .option('-o, --output <folder>', 'OCI layout folder to write', 'catalogue')
    .option('--tag <tag>', 'tag in the folder', 'latest')
    .option('--sign-key <key>', 'private key to sign the catalogue with: a file or env://VARIABLE');
  addExamples(addRegistryOptions(addVerifyOptions(command)), [
    [
      'Two repositories, packages signed by acme',
      'bpfship hub build ghcr.io/acme/exec-watch ghcr.io/acme/xdp-guard --key acme.pub --sign-key hub.key',
    ],
    ['From a list', 'bpfship hub build --repositories list.txt --key acme.pub --sign-key hub.key --output catalogue'],
    ['And publish it', 'bpfship push catalogue:latest ghcr.io/acme/catalogue:latest'],
  ]);
  return command.action(async (names: string[], values: BuildValues) => {
    const context = getContext();
    const policy = await policyFrom(values, context);
    if (policy === undefined)
      throw new CliError(
        'ERR_CLI_USAGE',
        'packages must be signed to be listed',
        'Name their publisher’s key with --key FILE.',
      );
    const listed = values.repositories === undefined ? [] : (await readTextFile(values.repositories)).split('\n');
    const repositories = [
      ...names,
      ...listed.map((line) => line.trim()).filter((line) => line && !line.startsWith('#')),
    ].map(parseReference);
    if (repositories.length === 0)
      throw new CliError('ERR_CLI_USAGE', 'no repository was named', 'bpfship hub build ghcr.io/acme/exec-watch …');
    const { catalogue, skipped } = await buildCatalogue({
      name: values.name,
      repositories,
      created: new Date(sourceDate(context)).toISOString().replace(/\.\d+Z$/, 'Z'),
      remote: await remoteOptions(values, context),
      signersOf: async (target, subject) => [
        (await verifyArtifact({ target, subject, policy, signal: context.signal })).signer.hint,
      ],
      signal: context.signal,
    });
    for (const { reference, reason } of skipped) context.printer.warn(`${reference} is left out: ${reason}`);
    await using opened = await openTarget(`${values.output}:${values.tag}`, { ociLayout: true, create: true });
    const descriptor = await publishCatalogue(opened.target, catalogue, values.tag);
    if (values.signKey !== undefined) {
      const pem = await readKeyReference(values.signKey, { env: context.streams.env, stdin: context.streams.stdin });
      const key = await loadPrivateKey(
        pem,
        /ENCRYPTED/.test(pem) ? { password: await readPassword(context, 'Password of the private key: ') } : {},
      );
      await signArtifact({ target: opened.target, subject: descriptor, key });
    } else {
      context.printer.warn('the catalogue is not signed; readers will refuse it (--sign-key)');
    }
    context.printer.result({
      text: `Built the catalogue "${catalogue.name}" with ${catalogue.entries.length} packages in ${opened.display}\nDigest: ${descriptor.digest}`,
      data: { reference: opened.display, digest: descriptor.digest, entries: catalogue.entries.length, skipped },
      brief: descriptor.digest,
    });
  });
}

function createExportCommand(getContext: GetContext): Command {
  const command = new Command('export')
    .summary('export a catalogue as one static page')
    .description(
      'Writes a catalogue as one HTML file that needs nothing else: no server, no network, no JavaScript except to filter.',
    )
    .option('-o, --output <file>', 'file to write', 'index.html');
  addExamples(addCatalogueOptions(command), [
    [
      'From a folder',
      'bpfship hub export --oci-layout --catalogue ./catalogue:latest --key hub.pub --output index.html',
    ],
    ['From a registry', 'bpfship hub export --catalogue ghcr.io/acme/catalogue:latest --key hub.pub'],
    [
      'From what was fetched before',
      'bpfship hub export --catalogue ghcr.io/acme/catalogue:latest --key hub.pub --offline',
    ],
  ]);
  return command.action(async (values: CatalogueValues & { output: string }) => {
    const context = getContext();
    const catalogue = await openCatalogue(values, context);
    const page = renderPage(catalogue);
    await writeFile(values.output, page).catch((error: unknown) => {
      throw fileError(error, values.output, 'written');
    });
    context.printer.result({
      text: `Wrote ${values.output}: ${catalogue.entries.length} packages as of ${catalogue.created}`,
      data: { path: values.output, entries: catalogue.entries.length, created: catalogue.created },
      brief: values.output,
    });
  });
}

/** Milliseconds: SOURCE_DATE_EPOCH where it is set, so that a catalogue can be built twice with the same digest. */
function sourceDate({ streams }: CommandContext): number {
  const epoch = Number(streams.env['SOURCE_DATE_EPOCH']);
  return streams.env['SOURCE_DATE_EPOCH'] !== undefined && Number.isSafeInteger(epoch) ? epoch * 1000 : Date.now();
}
