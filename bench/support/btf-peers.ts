import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = join(import.meta.dirname, '..', 'peers');
/** Version of cilium/ebpf; it is fetched as any Go module is. */
const CILIUM = 'v0.22.0';

/** A program that reads the kernel's BTF and prints milliseconds. */
export interface BtfPeer {
  name: string;
  program: string;
  version: string;
}

/** Builds the peers that can be built here. `say` hears of those that cannot. */
export function buildBtfPeers(folder: string, say: (line: string) => void): BtfPeer[] {
  const peers: BtfPeer[] = [];
  const libbpf = join(folder, 'libbpf-btf');
  if (run('gcc', ['-O2', join(SOURCES, 'libbpf-btf.c'), '-o', libbpf, '-lbpf'], folder)) {
    peers.push({ name: 'libbpf', program: libbpf, version: output('pkg-config', ['--modversion', 'libbpf'], folder) });
  } else say('libbpf is left out: gcc or libbpf-dev is missing');
  const module = join(folder, 'cilium');
  mkdirSync(module);
  copyFileSync(join(SOURCES, 'cilium-btf.go'), join(module, 'main.go'));
  writeFileSync(join(module, 'go.mod'), `module peer\n\ngo 1.24\n\nrequire github.com/cilium/ebpf ${CILIUM}\n`);
  const cilium = join(module, 'cilium-btf');
  if (run('go', ['build', '-mod=mod', '-o', cilium, '.'], module))
    peers.push({ name: 'cilium/ebpf', program: cilium, version: CILIUM });
  else say('cilium/ebpf is left out: Go is missing, or its module cannot be fetched');
  return peers;
}

function run(program: string, args: string[], cwd: string): boolean {
  return spawnSync(program, args, { cwd, stdio: 'ignore' }).status === 0;
}

function output(program: string, args: string[], cwd: string): string {
  return spawnSync(program, args, { cwd, encoding: 'utf8' }).stdout?.trim() || 'unknown';
}
