import { describe, expect, it } from 'vitest';
import { allowedUrl } from '../src/remote/allowed-url.ts';

const publicRegistry = new URL('https://registry.example');

describe('what a registry in the internet names', () => {
  it.each(['https://cdn.example/x', '/relative', 'https://8.8.8.8/', 'https://10.example.com/', 'https://172.32.0.1/'])(
    '%s is allowed',
    (text) => {
      expect(allowedUrl(text, publicRegistry, publicRegistry, 'a redirect')).toBeInstanceOf(URL);
    },
  );

  it.each([
    ['http://registry.example/', 'ERR_OCI_DENIED_PLAIN_HTTP'],
    ['http://cdn.example/', 'ERR_OCI_DENIED_PLAIN_HTTP'],
    ['https://169.254.169.254/latest', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://localhost/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://127.1/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://0x7f000001/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://0/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://10.0.0.1/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://192.168.1.1/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://172.16.0.1/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://[::1]/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://[::ffff:127.0.0.1]/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://[::ffff:a9fe:a9fe]/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://[fe80::1]/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://[fd00::1]/', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://user:secret@cdn.example/', 'ERR_OCI_INVALID_RESPONSE'],
    ['file:///etc/passwd', 'ERR_OCI_INVALID_RESPONSE'],
    ['https://', 'ERR_OCI_INVALID_RESPONSE'],
  ])('%s is refused', (text, code) => {
    expect(() => allowedUrl(text, publicRegistry, publicRegistry, 'a redirect')).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

it('a registry may name what is as near as itself', () => {
  const local = new URL('http://127.0.0.1:5000');
  expect(allowedUrl('http://127.0.0.1:5001/token', local, local, 'a token service').host).toBe('127.0.0.1:5001');
  const inside = new URL('https://10.0.0.5');
  expect(allowedUrl('https://10.0.0.6/', inside, inside, 'a redirect').host).toBe('10.0.0.6');
  expect(() => allowedUrl('https://127.0.0.1/', inside, inside, 'a redirect')).toThrow(/on this machine/);
});
