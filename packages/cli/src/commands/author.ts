import { relative } from 'node:path';
import { Command, Option } from 'commander';
import {
  buildProject,
  type BuildStep,
  defaultTag,
  initProject,
  packProject,
  PROJECT_TEMPLATES,
  type ProjectTemplate,
  readBuild,
  readProject,
} from '@bpfship/devkit';
import { OciLayoutStore } from '@bpfship/oras-client';
import type { GetContext } from '../context.ts';
import { addExamples } from '../options/examples.ts';
import { loadBuilt, type LoadBuiltValues } from '../load-built.ts';
import { formatBytes } from '../terminal/table.ts';

/** `bpfship init FOLDER` */
export function createInitCommand(getContext: GetContext): Command {
  const command = new Command('init')
    .summary('start a new service')
    .description('Writes a small working service: project file, C source, README. It builds at once.')
    .argument('<folder>', 'a new or empty folder')
    .addOption(
      new Option('--template <template>', 'what to start from').choices([...PROJECT_TEMPLATES]).default('tracepoint'),
    )
    .option('--name <name>', 'name of the service (default: the folder’s name)');
  addExamples(command, [
    ['A service that watches', 'bpfship init my-service'],
    ['A service that filters packets', 'bpfship init my-filter --template xdp'],
    ['Then build it', 'bpfship build my-service'],
  ]);
  return command.action(async (folder: string, values: { template: ProjectTemplate; name?: string }) => {
    const files = await initProject(folder, {
      template: values.template,
      ...(values.name === undefined ? {} : { name: values.name }),
    });
    getContext().printer.result({
      text: `${files.map((file) => `Wrote ${file}`).join('\n')}\nNext: bpfship build ${folder}`,
      data: { folder, files },
      brief: folder,
    });
  });
}

interface BuildValues extends LoadBuiltValues {
  output?: string;
  clang: string;
}

/** `bpfship build [PROJECT]` */
export function createBuildCommand(getContext: GetContext): Command {
  const command = new Command('build')
    .summary('compile every variant of a service')
    .description(
      'Compiles every variant for each of its CPU architectures with clang. Objects that are equal for all architectures are kept once.',
    )
    .argument('[project]', 'folder with an ebpf-service.yaml, or the file itself', '.')
    .option('-o, --output <folder>', 'where the objects go (default: build in the project’s folder)')
    .option('--clang <program>', 'the compiler', 'clang')
    .option('--load', 'load every variant once on this kernel, and fail where one does not load that should')
    .option('--no-load', 'do not; default is to load and warn, where this process may')
    .option('--evidence <file>', 'write what came of it, for "bpfship evidence --from"');
  addExamples(command, [
    ['In the current folder', 'bpfship build'],
    ['And it must load here', 'sudo bpfship build --load'],
    ['One of the examples', 'bpfship build examples/exec-watch'],
    ['With a certain compiler', 'bpfship build --clang clang-19 my-service'],
  ]);
  return command.action(async (path: string, values: BuildValues) => {
    const context = getContext();
    const { printer, signal } = context;
    const project = await readProject(path);
    const built = await buildProject(project, {
      clang: values.clang,
      ...(values.output === undefined ? {} : { outDir: values.output }),
      onStep: (step) => {
        const line = describeStep(step);
        if (line) printer.status(line);
      },
      signal,
    });
    const runs = await loadBuilt(project, built, values, context);
    const objects = built.objects.map(({ bytes, path: file, ...object }) => ({
      ...object,
      path: relative(process.cwd(), file),
      size: bytes.length,
    }));
    printer.result({
      text: `Built ${project.name} ${project.version}: ${objects.length} ${objects.length === 1 ? 'object' : 'objects'}`,
      data: {
        name: project.name,
        version: project.version,
        compiler: built.compiler,
        objects,
        runs,
      },
      brief: objects.map(({ path: file }) => file).join('\n'),
    });
  });
}

interface PackValues {
  output: string;
  tag?: string;
  objects?: string;
  compat?: boolean;
}

/** `bpfship pack [PROJECT]` */
export function createPackCommand(getContext: GetContext): Command {
  const command = new Command('pack')
    .summary('pack a built service as one artifact')
    .description(
      'Packs what "bpfship build" compiled into an OCI layout folder: one layer for each variant, and the BTF index. Same input, same digest.',
    )
    .argument('[project]', 'folder with an ebpf-service.yaml, or the file itself', '.')
    .requiredOption('-o, --output <folder>', 'OCI layout folder to write into')
    .option('--tag <tag>', 'tag in that folder (default: the version)')
    .option('--objects <folder>', 'where the objects are (default: build in the project’s folder)')
    .option(
      '--compat',
      'for registries that refuse artifacts (GitLab, older Quay and Artifactory): a package that looks like a container image, with a digest and signatures of its own',
    );
  addExamples(command, [
    ['Pack the current folder’s service', 'bpfship pack --output build/my-service'],
    ['One of the examples', 'bpfship pack examples/exec-watch --output build/exec-watch'],
    ['For a registry that refuses artifacts', 'bpfship pack --compat --output build/my-service'],
    ['Then look at it', 'bpfship inspect --oci-layout build/exec-watch:1.1.0'],
  ]);
  return command.action(async (path: string, values: PackValues) => {
    const { printer, signal } = getContext();
    const project = await readProject(path);
    const built = await readBuild(project, values.objects === undefined ? {} : { outDir: values.objects });
    const store = await OciLayoutStore.open(values.output, { create: true });
    const tag = values.tag ?? defaultTag(project.version);
    const descriptor = await packProject(project, built, store, {
      tag,
      signal,
      form: values.compat ? 'compatible' : 'standard',
    });
    printer.result({
      text: `Packed ${project.name} ${project.version} into ${values.output}:${tag}\nDigest: ${descriptor.digest}`,
      data: {
        reference: `${values.output}:${tag}`,
        mediaType: descriptor.mediaType,
        digest: descriptor.digest,
        size: descriptor.size,
      },
      brief: descriptor.digest,
    });
  });
}

function describeStep(step: BuildStep): string {
  if (step.kind === 'toolchain') return `Compiler: ${step.version}`;
  if (step.kind === 'compiled') {
    const warnings = step.warnings === '' ? '' : `\n${step.warnings}`;
    return `Compiled ${step.variant} for ${step.architecture} in ${Math.round(step.milliseconds)} ms${warnings}`;
  }
  const { path, size, architecture } = step;
  return `Object   ${relative(process.cwd(), path)} (${formatBytes(size)}, ${architecture ?? 'any architecture'})`;
}
