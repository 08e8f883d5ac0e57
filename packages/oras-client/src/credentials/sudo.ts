import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Under sudo, root's files are read and not those of whoever called it, which surprises.
 *
 * @returns a sentence that says so, or `undefined` where both are the same, or there is no sudo.
 */
export async function sudoNote(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const user = env['SUDO_USER'];
  if (!user || !/^[\w.@-]+$/.test(user)) return undefined;
  const theirs = env['SUDO_HOME'] || (await homeOf(user));
  const home = env['HOME'] || homedir();
  if (theirs === undefined || theirs === home || env['DOCKER_CONFIG']) return undefined;
  const file = join(theirs, '.docker', 'config.json');
  return `under sudo the files in ${home} are read, not those of ${user}; name theirs with --registry-config ${file}`;
}

/** passwd(5): name, password, user, group, comment, home, shell. */
async function homeOf(user: string): Promise<string | undefined> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const line = text.split('\n').find((entry) => entry.startsWith(`${user}:`));
  return line?.split(':')[5] || undefined;
}
