/** The types that all tables of REST operations share. */
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
  /** A command's body. It is described here; the worker validates it like the command of any producer. */
  body?: z.ZodType;
  /** An example body that is valid for any chat. */
  example?: object;
  /** True if the operation needs an optional capability of the store; without it the answer is 501. */
  isOptional?: true;
  /** Success responses by status. */
  answers: Partial<Record<200 | 201 | 202, { description: string; schema: z.ZodType }>>;
}

const pending = {
  description: 'The receipt did not arrive within `RECEIPT_TIMEOUT`. It will be available at `Location`.',
  schema: commandPending,
};
const accepted = { description: 'Accepted. The receipt.', schema: receipt };
const unchanged = {
  description:
    'Accepted. The receipt. The command changed nothing, or the receipt is stored and may have been returned before (`replayed`).',
  schema: receipt,
};

/** Responses of a command that creates something. */
export const creates = { 201: accepted, 200: unchanged, 202: pending };
/** Responses of a command that changes or removes something. `sequence` shows if anything changed. */
export const changes = { 200: accepted, 202: pending };
