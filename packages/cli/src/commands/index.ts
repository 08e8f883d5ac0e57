import type { Command } from 'commander';
import type { GetContext } from '../context.ts';

type Create = (getContext: GetContext) => Command;

/** One command: its code is loaded when it is wanted, since loading all of it takes longer than most commands do. */
export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  /** What help lists it under. */
  readonly group: string;
  /** Values of --format that it knows beside text and json. */
  readonly formats?: readonly string[];
  readonly load: () => Promise<Create>;
}

/** All commands, in the order in which help lists them: the way of a package from its author to the kernel. */
export const commands: readonly CommandEntry[] = [
  { name: 'init', group: 'Author', load: async () => (await import('./author.ts')).createInitCommand },
  { name: 'build', group: 'Author', load: async () => (await import('./author.ts')).createBuildCommand },
  { name: 'pack', group: 'Author', load: async () => (await import('./author.ts')).createPackCommand },
  { name: 'inspect', group: 'Author', load: async () => (await import('./inspect.ts')).createInspectCommand },
  { name: 'supplement', group: 'Author', load: async () => (await import('./supplement.ts')).createSupplementCommand },
  { name: 'evidence', group: 'Author', load: async () => (await import('./evidence.ts')).createEvidenceCommand },
  {
    name: 'generate-key-pair',
    group: 'Trust',
    load: async () => (await import('./generate-key-pair.ts')).createGenerateKeyPairCommand,
  },
  { name: 'sign', group: 'Trust', load: async () => (await import('./sign.ts')).createSignCommand },
  { name: 'verify', group: 'Trust', load: async () => (await import('./verify.ts')).createVerifyCommand },
  { name: 'push', group: 'Registry', load: async () => (await import('./push.ts')).createPushCommand },
  { name: 'pull', group: 'Registry', load: async () => (await import('./pull.ts')).createPullCommand },
  { name: 'copy', alias: 'cp', group: 'Registry', load: async () => (await import('./copy.ts')).createCopyCommand },
  { name: 'tag', group: 'Registry', load: async () => (await import('./tag.ts')).createTagCommand },
  {
    name: 'resolve',
    alias: 'digest',
    group: 'Registry',
    load: async () => (await import('./tag.ts')).createResolveCommand,
  },
  { name: 'attach', group: 'Registry', load: async () => (await import('./attach.ts')).createAttachCommand },
  {
    name: 'discover',
    group: 'Registry',
    formats: ['tree', 'table'],
    load: async () => (await import('./discover.ts')).createDiscoverCommand,
  },
  {
    name: 'repo',
    alias: 'repository',
    group: 'Registry',
    load: async () => (await import('./repo.ts')).createRepoCommand,
  },
  { name: 'manifest', group: 'Registry', load: async () => (await import('./manifest.ts')).createManifestCommand },
  { name: 'blob', group: 'Registry', load: async () => (await import('./blob.ts')).createBlobCommand },
  { name: 'login', group: 'Registry', load: async () => (await import('./login.ts')).createLoginCommand },
  { name: 'logout', group: 'Registry', load: async () => (await import('./login.ts')).createLogoutCommand },
  { name: 'check', group: 'Node', load: async () => (await import('./check.ts')).createCheckCommand },
  { name: 'facts', group: 'Node', load: async () => (await import('./facts.ts')).createFactsCommand },
  { name: 'run', group: 'Node', load: async () => (await import('./run.ts')).createRunCommand },
  { name: 'install', group: 'Node', load: async () => (await import('./install.ts')).createInstallCommand },
  { name: 'apply', group: 'Node', load: async () => (await import('./apply.ts')).createApplyCommand },
  { name: 'ps', alias: 'list', group: 'Node', load: async () => (await import('./ps.ts')).createPsCommand },
  { name: 'status', group: 'Node', load: async () => (await import('./ps.ts')).createStatusCommand },
  { name: 'logs', group: 'Node', load: async () => (await import('./logs.ts')).createLogsCommand },
  { name: 'maps', group: 'Node', load: async () => (await import('./maps.ts')).createMapsCommand },
  { name: 'iterate', group: 'Node', load: async () => (await import('./iterate.ts')).createIterateCommand },
  { name: 'metrics', group: 'Node', load: async () => (await import('./metrics.ts')).createMetricsCommand },
  { name: 'top', group: 'Node', load: async () => (await import('./top.ts')).createTopCommand },
  { name: 'upgrade', group: 'Node', load: async () => (await import('./install.ts')).createUpgradeCommand },
  { name: 'rollback', group: 'Node', load: async () => (await import('./rollback.ts')).createRollbackCommand },
  { name: 'restore', group: 'Node', load: async () => (await import('./rollback.ts')).createRestoreCommand },
  { name: 'stop', group: 'Node', load: async () => (await import('./start-stop.ts')).createStopCommand },
  { name: 'start', group: 'Node', load: async () => (await import('./start-stop.ts')).createStartCommand },
  {
    name: 'uninstall',
    alias: 'rm',
    group: 'Node',
    load: async () => (await import('./rollback.ts')).createUninstallCommand,
  },
  { name: 'gc', group: 'Node', load: async () => (await import('./gc.ts')).createGcCommand },
  { name: 'search', group: 'Hub', load: async () => (await import('./search.ts')).createSearchCommand },
  { name: 'info', group: 'Hub', load: async () => (await import('./search.ts')).createInfoCommand },
  { name: 'hub', group: 'Hub', load: async () => (await import('./hub.ts')).createHubCommand },
  { name: 'version', group: 'Other', load: async () => (await import('./version.ts')).createVersionCommand },
];

/** The commands that a command line needs: the one that it begins with, by its name or alias, perhaps after options of the program; else all. */
export function commandsFor(args: readonly string[]): readonly CommandEntry[] {
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    if (word === '--version' || word === '-V') return [];
    if (word === '--format') at++;
    else if (!word.startsWith('-')) {
      const named = commands.find(({ name, alias }) => name === word || alias === word);
      return named ? [named] : commands;
    }
  }
  return commands;
}
