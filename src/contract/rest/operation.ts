/** What every table of REST operations is made of. */
import type { z } from 'zod';
import { receipt } from '../messages/receipts.js';
import { commandPending } from './responses.js';

export interface RestOperation {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{parameter}`s from `pathParameters`. */
  path: string;
  tag: string;
  summary: string;
  query?: z.ZodObject;
  /** A command's body: described here, judged by the worker like any producer's. */
  body?: z.ZodType;
  /** Of a body: one that is good for any chat. */
  example?: object;
  /** Success answers by status. */
  answers: Partial<Record<200 | 201 | 202, { description: string; schema: z.ZodType }>>;
}

const pending = { description: 'No receipt in time: it will be found at `Location`.', schema: commandPending };
const accepted = { description: 'Accepted. The receipt.', schema: receipt };
const unchanged = {
  description: 'Accepted, and changed nothing or is not known to be the first answer (`replayed`). The receipt.',
  schema: receipt,
};

/** Answers of a command by which something comes to be. */
export const creates = { 201: accepted, 200: unchanged, 202: pending };
/** … and of one that changes what is there, or takes it away; `sequence` says whether it did. */
export const changes = { 200: accepted, 202: pending };
