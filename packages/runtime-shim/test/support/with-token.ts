/**
 * The road of a service in a user namespace, with a BPF token. Says the number of the file system's descriptor, which whoever has the rights fills in,
 * and goes on with the next line of input; prints JSON then.
 * Arguments: empty folder for the mount, state folder, OCI layout, interface or '', references.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { OciLayoutStore } from '@bpfship/oras-client';
import koffi from 'koffi';
import { openNode } from '../../src/open-node.ts';

const [mountPoint = '', stateDir = '', layout = '', interfaceName = '', ...references] = process.argv.slice(2);
const libc = koffi.load('libc.so.6');
const fsopen = libc.func('long syscall(long number, const char *type, unsigned int flags)');
const fsmount = libc.func('long syscall(long number, int fd, unsigned int flags, unsigned int attributes)');
const moveMount = libc.func(
  'long syscall(long number, int from, const char *a, int to, const char *b, unsigned int flags)',
);
const fd = Number(fsopen(430, 'bpf', 0));
process.stdout.write(`${fd}\n`);
await once(process.stdin, 'data');
const mount = Number(fsmount(432, fd, 0, 0));
// AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH
const moved = Number(moveMount(429, mount, '', -100, mountPoint, 4));
const done: string[] = [`mounted ${mount >= 0 && moved === 0}`];
const service = 'test-service';
const node = await openNode({ stateDir, bpffsDir: join(mountPoint, 'bpfship') });
try {
  for (const [i, reference] of references.entries()) {
    const options = {
      target: await OciLayoutStore.open(layout),
      reference,
      location: layout,
      allowUnsigned: true as const,
      attach: interfaceName === '' ? {} : { '*': { interfaceName, xdpMode: 'generic' as const } },
    };
    const result = i === 0 ? await node.install(options) : await node.upgrade({ ...options, service });
    done.push(`${reference} ${result.programs.map(({ name, switched }) => `${name} ${switched}`).join(', ')}`);
  }
  done.push((await node.status(service)).state);
  await node.uninstall({ service });
  done.push('uninstalled');
} catch (error) {
  const { code, message, details } = error as { code?: string; message?: string; details?: string };
  done.push(`${code}: ${message} | ${details ?? ''}`);
} finally {
  await node[Symbol.asyncDispose]();
}
process.stdout.write(`${JSON.stringify(done)}\n`);
process.exit(0);
