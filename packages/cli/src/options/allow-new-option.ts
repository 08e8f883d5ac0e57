import { type Command, InvalidArgumentError, Option } from 'commander';

/** Values of the option that {@link addAllowNewOption} adds. */
export interface AllowNewOptionValues {
  allowNew?: string[];
}

/** The option that lets a new version do more than the running one. */
export function addAllowNewOption(command: Command): Command {
  return command.addOption(
    new Option('--allow-new <what>', 'let it do what is new: hook:…, helper:… or capability:…; repeatable')
      .argParser(collect)
      .helpGroup('Trust options:'),
  );
}

function collect(text: string, earlier: string[] = []): string[] {
  if (/^(?:hook|helper|capability):[^\s]{1,512}$/.test(text)) return [...earlier, text];
  throw new InvalidArgumentError(
    'It must be such as hook:kprobe:tcp_*, helper:bpf_send_signal or capability:CAP_PERFMON.',
  );
}
