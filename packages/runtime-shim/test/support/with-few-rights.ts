/**
 * The road of a service in a process that has few capabilities and is not root; prints JSON.
 * Arguments: state folder, folder for pins, OCI layout, interface, references to install and then to upgrade to.
 */
import { OciLayoutStore } from '@bpfship/oras-client';
import { openNode } from '../../src/open-node.ts';

const [stateDir = '', bpffsDir = '', layout = '', interfaceName = '', ...references] = process.argv.slice(2);
const done: string[] = [];
const service = 'test-service';
const node = await openNode({ stateDir, bpffsDir });
try {
  for (const [i, reference] of references.entries()) {
    const options = {
      target: await OciLayoutStore.open(layout),
      reference,
      location: layout,
      allowUnsigned: true as const,
      attach: interfaceName === '' ? {} : { '*': { interfaceName } },
    };
    const result = i === 0 ? await node.install(options) : await node.upgrade({ ...options, service });
    done.push(`${reference} ${result.programs.map(({ name, switched }) => `${name} ${switched}`).join(', ')}`);
  }
  const { state } = await node.status(service);
  done.push(state);
  const back = await node.rollback({ service });
  done.push(`back to ${back.version}`);
  await node.uninstall({ service });
  done.push('uninstalled');
} catch (error) {
  const { code, message, hint, details } = error as {
    code?: string;
    message?: string;
    hint?: string;
    details?: string;
  };
  done.push(`${code}: ${message} | ${hint} | ${details ?? ''}`);
} finally {
  await node[Symbol.asyncDispose]();
}
process.stdout.write(JSON.stringify(done));
