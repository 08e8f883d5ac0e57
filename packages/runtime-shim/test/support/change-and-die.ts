/**
 * A process that changes a node and is killed in the middle of it, as by `kill -9`.
 * Arguments: state folder, folder for pins, OCI layout, reference, service to upgrade or '', interface or '', step after which to die.
 */
import { OciLayoutStore } from '@bpfship/oras-client';
import { openNode } from '../../src/open-node.ts';

const [stateDir = '', bpffsDir = '', layout = '', reference = '', service = '', interfaceName = '', step = ''] =
  process.argv.slice(2);
const node = await openNode({ stateDir, bpffsDir });
const options = {
  target: await OciLayoutStore.open(layout),
  reference,
  location: layout,
  allowUnsigned: true as const,
  attach: interfaceName === '' ? {} : { '*': { interfaceName } },
  onStep: (progress: { step: string }) => {
    if (progress.step === step) process.kill(process.pid, 'SIGKILL');
  },
};
if (service === '') await node.install(options);
else await node.upgrade({ ...options, service });
process.kill(process.pid, 'SIGKILL');
