import { type Command, InvalidArgumentError, Option } from 'commander';
import { MAX_HEALTH_SECONDS } from '@bpfship/media-types';
import type { HealthChoice } from '@bpfship/runtime-shim';

/** Values of the options that {@link addHealthOptions} adds. */
export interface HealthOptionValues {
  /** `false` for `--no-health`. */
  health?: boolean;
  healthFor?: number;
}

/** Options of the health gate. */
export function addHealthOptions(command: Command): Command {
  const group = 'Health options:';
  return command
    .addOption(
      new Option('--health-for <time>', 'watch the new generation so long, such as 30s or 5m')
        .argParser(readTime)
        .helpGroup(group),
    )
    .addOption(new Option('--no-health', 'do not watch whether the new generation is healthy').helpGroup(group));
}

/** What the options say of the health gate. */
export function healthChoice({ health, healthFor }: HealthOptionValues): { health?: HealthChoice } {
  if (health === false) return { health: false };
  return healthFor === undefined ? {} : { health: { seconds: healthFor } };
}

function readTime(text: string): number {
  const [, digits = '', unit = 's'] = /^(\d{1,4})(s|m)?$/.exec(text) ?? [];
  const seconds = Number(digits) * (unit === 'm' ? 60 : 1);
  if (digits !== '' && seconds >= 1 && seconds <= MAX_HEALTH_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be a time from 1s to ${MAX_HEALTH_SECONDS / 60}m.`);
}
