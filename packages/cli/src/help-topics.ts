import { Command } from 'commander';
import { EXIT_CODES } from './exit-codes.ts';
import { table } from './terminal/table.ts';

/** One environment variable that bpfship reads. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly meaning: string;
}

/** Every environment variable that bpfship or its libraries read. */
export const ENVIRONMENT: readonly EnvironmentVariable[] = [
  { name: 'BPFSHIP_STATE_DIR', meaning: 'state folder of the node; default /var/lib/bpfship' },
  { name: 'BPFSHIP_BPFFS', meaning: 'folder in a BPF file system for pins; default /sys/fs/bpf/bpfship' },
  {
    name: 'BPFSHIP_LIBBPF',
    meaning: 'the libbpf.so to use, 1.0 or newer; default: bpfship’s own, else the system’s from 1.3 on',
  },
  { name: 'BPFSHIP_KEY', meaning: 'default of --key: a key file or env://VARIABLE' },
  { name: 'BPFSHIP_PASSWORD', meaning: 'password of the private key; COSIGN_PASSWORD is read too' },
  { name: 'BPFSHIP_FORMAT', meaning: 'default of --format' },
  { name: 'DOCKER_CONFIG', meaning: 'folder of docker’s config.json with registry credentials' },
  { name: 'DOCKER_AUTH_CONFIG', meaning: 'registry credentials themselves: the text of a docker config.json' },
  {
    name: 'REGISTRY_AUTH_FILE',
    meaning: 'podman’s auth.json; else looked for under XDG_RUNTIME_DIR and XDG_CONFIG_HOME',
  },
  {
    name: 'CONTAINERS_REGISTRIES_CONF, REGISTRIES_CONFIG_PATH',
    meaning: 'registries.conf with mirrors; default: where podman has it',
  },
  { name: 'SUDO_USER, SUDO_HOME', meaning: 'whose credentials are not read under sudo, for messages' },
  { name: 'SOURCE_DATE_EPOCH', meaning: 'seconds since 1970 for the dates that a signature or a catalogue states' },
  { name: 'BPFSHIP_CATALOGUE', meaning: 'default of --catalogue' },
  { name: 'XDG_CACHE_HOME', meaning: 'folder for caches, among them fetched catalogues; default ~/.cache' },
  { name: 'COLUMNS', meaning: 'width that tables are laid out for; default: that of the terminal' },
  { name: 'CI, TERM=dumb', meaning: 'either of them: no live progress on a terminal' },
  { name: 'LIBBPF_BPF_TOKEN_PATH', meaning: 'delegated BPF file system to make a BPF token of; default /sys/fs/bpf' },
  { name: 'LD_LIBRARY_PATH', meaning: 'folders in which libraries named by uprobes are looked for first' },
  { name: 'BPFSHIP_LOG_LEVEL', meaning: 'default of --log-level of the daemon bpfship-shim' },
  {
    name: 'NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID',
    meaning: 'given by systemd to bpfship-shim, which tells it that it is ready and lives',
  },
  { name: 'HTTPS_PROXY, HTTP_PROXY, NO_PROXY', meaning: 'proxies for registries' },
];

const REFERENCES = `A reference names a package in a registry:

  registry/repository:tag        ghcr.io/acme/exec-watch:1.1.0
  registry/repository@digest     ghcr.io/acme/exec-watch@sha256:…

There is no default registry and no default tag. "oci://" in front is accepted.
With --oci-layout the reference is a folder: ./build/exec-watch:1.1.0
Registries on the loopback interface are spoken to by plain HTTP, all others by HTTPS.`;

/** The help topics: `bpfship exit-codes`, `bpfship environment`, `bpfship references`. */
export function helpTopics(): readonly { name: string; summary: string; text: string }[] {
  const codes = table([['STATUS', 'MEANING'], ...EXIT_CODES.map(({ status, meaning }) => [String(status), meaning])]);
  const variables = table([['VARIABLE', 'MEANING'], ...ENVIRONMENT.map(({ name, meaning }) => [name, meaning])]);
  return [
    { name: 'exit-codes', summary: 'exit codes of bpfship', text: codes },
    { name: 'environment', summary: 'environment variables that bpfship reads', text: variables },
    { name: 'references', summary: 'how packages are named', text: REFERENCES },
  ];
}

/** Adds the help topics as commands whose help is the topic. */
export function addHelpTopics(program: Command): void {
  for (const { name, summary, text } of helpTopics()) {
    const topic = new Command(name)
      .summary(summary)
      .description(summary)
      .helpGroup('Help topics:')
      .configureHelp({ formatHelp: () => `${text}\n` })
      .exitOverride();
    topic.action(() => topic.help());
    program.addCommand(topic);
  }
}
