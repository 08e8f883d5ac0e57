import { execFileSync } from 'node:child_process';

/** A virtual Ethernet cable whose far end is in a network namespace of its own. Nothing goes over it but what is sent on purpose. */
export interface Cable {
  /** The near end. */
  readonly name: string;
  /** IPv4 addresses of the ends. */
  readonly near: string;
  readonly far: string;
  /** MAC address of the near end. */
  readonly address: string;
  /** Namespace of the far end, which is called `far`. */
  readonly namespace: string;
  /** Takes the cable away; nothing where that was done already. */
  remove(): void;
}

let next = 0;

/** Lays a cable with addresses of its own (of 198.18.0.0/15, RFC 2544). Both ends have no IPv6, which would send of itself. */
export function layCable(): Cable {
  next += 1;
  const id = `${process.pid % 100_000}x${next}`;
  const name = `bs${id}`;
  const namespace = `bpfship-${id}`;
  const [near, far] = addressPair(next);
  const remove = (): void => {
    for (const args of [
      ['link', 'del', name],
      ['netns', 'del', namespace],
    ]) {
      try {
        ip(...args);
      } catch {
        // It is gone already.
      }
    }
  };
  try {
    ip('netns', 'add', namespace);
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'far', 'netns', namespace);
    execFileSync('sh', ['-c', withoutIpv6(name)]);
    ip('netns', 'exec', namespace, 'sh', '-c', withoutIpv6('far'));
    ip('addr', 'add', `${near}/30`, 'dev', name);
    ip('link', 'set', name, 'up');
    ip('-n', namespace, 'addr', 'add', `${far}/30`, 'dev', 'far');
    ip('-n', namespace, 'link', 'set', 'far', 'up');
    const address = addressOf(name);
    ip('-n', namespace, 'neigh', 'add', near, 'lladdr', address, 'dev', 'far');
    ip('neigh', 'add', far, 'lladdr', addressOf('far', ['-n', namespace]), 'dev', name);
    return { name, near, far, namespace, address, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Cables of processes that run at once have different addresses. */
function addressPair(cable: number): [near: string, far: string] {
  const place = (process.pid % 4096) * 8 + (cable % 8);
  const network = `198.${18 + (place >> 14)}.${(place >> 6) & 0xff}`;
  return [`${network}.${((place & 63) << 2) + 1}`, `${network}.${((place & 63) << 2) + 2}`];
}

function withoutIpv6(device: string): string {
  return `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function addressOf(name: string, where: readonly string[] = []): string {
  const [link] = JSON.parse(execFileSync('ip', [...where, '-j', 'link', 'show', name], { encoding: 'utf8' })) as {
    address: string;
  }[];
  return link?.address ?? '';
}
