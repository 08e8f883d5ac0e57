import { z } from 'zod';
import { isParameterValue, MAX_PARAMETER_TEXT, type ServiceParameter } from './parameter.ts';
import { CName, line } from './primitives.ts';

/** Schema of a declared load parameter. */
export const ServiceParameterSchema: z.ZodType<ServiceParameter> = z
  .looseObject({
    name: CName,
    type: z.enum(['bool', 'text', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64']),
    size: z.number().int().min(1).max(MAX_PARAMETER_TEXT).exactOptional(),
    default: z.union([z.boolean(), z.number(), line(MAX_PARAMETER_TEXT)]),
    description: line(1024).exactOptional(),
  })
  .refine(({ type, size }) => (type === 'text') === (size !== undefined), {
    path: ['size'],
    error: 'must be given for the type text, and for no other',
  })
  .refine((parameter) => isParameterValue(parameter, parameter.default), {
    path: ['default'],
    error: 'must be a value of the type',
  });
