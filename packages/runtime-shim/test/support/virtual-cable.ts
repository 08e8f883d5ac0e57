import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { type Cable, layCable as lay } from '../../../../test/support/load/cable.ts';

/** A virtual Ethernet cable of the running test, which takes it away. */
export interface VirtualCable extends Cable {
  /** Sends datagrams to the near end, each of which an XDP program there sees. */
  send(count: number): void;
}

/** Lays a cable for the running test. */
export function layCable(): VirtualCable {
  const cable = lay();
  onTestFinished(() => cable.remove());
  return {
    ...cable,
    send(count) {
      const script = `const s=require('dgram').createSocket('udp4');let n=${count};const f=()=>n--?s.send('x',9,'198.18.77.1',f):s.close();f()`;
      execFileSync('ip', ['netns', 'exec', cable.namespace, process.execPath, '-e', script], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    },
  };
}
