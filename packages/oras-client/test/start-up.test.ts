import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('loads undici with the first request, not with the package', async () => {
  const face = new URL('../src/index.ts', import.meta.url).href;
  const program = `
    import { createRequire } from 'node:module';
    const { Repository } = await import(${JSON.stringify(face)});
    const loaded = () => Object.keys(createRequire('/').cache).some((path) => path.includes('/undici/'));
    const before = loaded();
    const repository = new Repository({ registry: '127.0.0.1:1', repository: 'a' }, { retries: 0 });
    await repository.resolve('x').catch(() => undefined);
    await repository.close();
    console.log(JSON.stringify([before, loaded()]));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(JSON.parse(stdout)).toEqual([false, true]);
});
