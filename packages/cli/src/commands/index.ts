import type { Command } from 'commander';
import type { GetContext } from '../context.ts';
import { createApplyCommand } from './apply.ts';
import { createBuildCommand, createInitCommand, createPackCommand } from './author.ts';
import { createCheckCommand } from './check.ts';
import { createCopyCommand } from './copy.ts';
import { createEvidenceCommand } from './evidence.ts';
import { createFactsCommand } from './facts.ts';
import { createGenerateKeyPairCommand } from './generate-key-pair.ts';
import { createGcCommand } from './gc.ts';
import { createHubCommand } from './hub.ts';
import { createInspectCommand } from './inspect.ts';
import { createInstallCommand, createUpgradeCommand } from './install.ts';
import { createIterateCommand } from './iterate.ts';
import { createLoginCommand, createLogoutCommand } from './login.ts';
import { createLogsCommand } from './logs.ts';
import { createMapsCommand } from './maps.ts';
import { createMetricsCommand } from './metrics.ts';
import { createPsCommand, createStatusCommand } from './ps.ts';
import { createPullCommand } from './pull.ts';
import { createPushCommand } from './push.ts';
import { createRestoreCommand, createRollbackCommand, createUninstallCommand } from './rollback.ts';
import { createRunCommand } from './run.ts';
import { createInfoCommand, createSearchCommand } from './search.ts';
import { createSignCommand } from './sign.ts';
import { createAttachCommand, createStartCommand, createStopCommand } from './start-stop.ts';
import { createSupplementCommand } from './supplement.ts';
import { createVerifyCommand } from './verify.ts';
import { createTopCommand } from './top.ts';
import { createVersionCommand } from './version.ts';

/** One command with the group that help lists it in. */
export interface CommandEntry {
  readonly group: string;
  readonly create: (getContext: GetContext) => Command;
}

/** All commands, in the order in which help lists them: the way of a package from its author to the kernel. */
export const commands: readonly CommandEntry[] = [
  { group: 'Author', create: createInitCommand },
  { group: 'Author', create: createBuildCommand },
  { group: 'Author', create: createPackCommand },
  { group: 'Author', create: createInspectCommand },
  { group: 'Author', create: createSupplementCommand },
  { group: 'Author', create: createEvidenceCommand },
  { group: 'Trust', create: createGenerateKeyPairCommand },
  { group: 'Trust', create: createSignCommand },
  { group: 'Trust', create: createVerifyCommand },
  { group: 'Registry', create: createPushCommand },
  { group: 'Registry', create: createPullCommand },
  { group: 'Registry', create: createCopyCommand },
  { group: 'Registry', create: createLoginCommand },
  { group: 'Registry', create: createLogoutCommand },
  { group: 'Node', create: createCheckCommand },
  { group: 'Node', create: createFactsCommand },
  { group: 'Node', create: createRunCommand },
  { group: 'Node', create: createInstallCommand },
  { group: 'Node', create: createApplyCommand },
  { group: 'Node', create: createPsCommand },
  { group: 'Node', create: createStatusCommand },
  { group: 'Node', create: createLogsCommand },
  { group: 'Node', create: createMapsCommand },
  { group: 'Node', create: createIterateCommand },
  { group: 'Node', create: createMetricsCommand },
  { group: 'Node', create: createTopCommand },
  { group: 'Node', create: createUpgradeCommand },
  { group: 'Node', create: createRollbackCommand },
  { group: 'Node', create: createRestoreCommand },
  { group: 'Node', create: createAttachCommand },
  { group: 'Node', create: createStopCommand },
  { group: 'Node', create: createStartCommand },
  { group: 'Node', create: createUninstallCommand },
  { group: 'Node', create: createGcCommand },
  { group: 'Hub', create: createSearchCommand },
  { group: 'Hub', create: createInfoCommand },
  { group: 'Hub', create: createHubCommand },
  { group: 'Other', create: createVersionCommand },
];
