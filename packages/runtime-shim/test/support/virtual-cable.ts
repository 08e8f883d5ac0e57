import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { type Cable, layCable as lay } from '../../../../test/support/load/cable.ts';

/** A virtual Ethernet cable of the running test, which takes it away. */
export interface VirtualCable extends Cable {
  /** Sends datagrams to the near end, each of which an XDP program there sees. */
  send(count: number): void;
  /** Sends datagrams from the near end to the far one. */
  answer(count: number): void;
}

/** Lays a cable for the running test. */
export function layCable(): VirtualCable {
  const cable = lay();
  onTestFinished(() => cable.remove());
  return {
    ...cable,
    send(count) {
      execFileSync('ip', ['netns', 'exec', cable.namespace, process.execPath, '-e', sendScript(count, cable.near)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    },
    answer(count) {
      execFileSync(process.execPath, ['-e', sendScript(count, cable.far)], { stdio: ['ignore', 'ignore', 'pipe'] });
    },
  };
}

function sendScript(count: number, address: string): string {
  return `const s=require('dgram').createSocket('udp4');let n=${count};const f=()=>n--?s.send('x',9,'${address}',f):s.close();f()`;
}
