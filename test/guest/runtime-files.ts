import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** Folders and files, relative to the repository, that a machine without npm needs to run bpfship and registry-dev. */
export function collectRuntimeFiles(): string[] {
  const workspaces = [...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`), 'registry-dev'];
  const files: string[] = ['package.json'];
  const modules = new Set<string>();
  for (const workspace of workspaces) {
    for (const part of ['package.json', 'dist', 'bin', 'lib'])
      if (existsSync(join(ROOT, workspace, part))) files.push(`${workspace}/${part}`);
    addDependencies(join(ROOT, workspace), modules);
  }
  return [...files, ...[...modules].map((path) => path.slice(ROOT.length + 1))].sort();
}

/** Names of the workspaces' packages with their folders: the links that npm makes. */
export function workspaceLinks(): { name: string; folder: string }[] {
  const folders = [...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`), 'registry-dev'];
  return folders.map((folder) => ({ name: readManifest(join(ROOT, folder)).name ?? '', folder }));
}

function addDependencies(folder: string, modules: Set<string>): void {
  const { dependencies = {}, optionalDependencies = {} } = readManifest(folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (name.startsWith('@bpfship/') || name === 'bpfship') continue;
    const found = resolvePackage(folder, name);
    // Optional packages of other platforms are not installed.
    if (found === undefined || modules.has(found)) continue;
    modules.add(found);
    addDependencies(found, modules);
  }
}

function resolvePackage(from: string, name: string): string | undefined {
  for (let folder = from; folder.length >= ROOT.length; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return undefined;
}

function readManifest(folder: string): {
  name?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
} {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as ReturnType<typeof readManifest>;
}
