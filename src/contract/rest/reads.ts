/** Types of the REST queries for callers, all derived from the table of operations. */
import type { z } from 'zod';
import type { RestOperationName, RestPath, restOperations } from './operations.js';

type Operations = typeof restOperations;

/** Operations that only read. */
export type RestReadName = {
  [O in RestOperationName]: Operations[O]['method'] extends 'get' ? O : never;
}[RestOperationName];

/** The response of an operation. */
export type RestAnswer<O extends RestReadName> = Operations[O] extends {
  answers: { 200: { schema: infer S extends z.ZodType } };
}
  ? z.output<S>
  : never;

type QuerySchema<O extends RestReadName> = Operations[O] extends { query: infer Q extends z.ZodObject } ? Q : never;

/** Optional parameters, including those that the schema gives a default. */
type QueryOf<Q extends z.ZodObject> = {
  [K in keyof z.output<Q> as K extends OptionalKeys<z.input<Q>> ? never : K]: z.output<Q>[K];
} & {
  [K in keyof z.output<Q> as K extends OptionalKeys<z.input<Q>> ? K : never]?: z.output<Q>[K] | undefined;
};
type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** Path and query parameters of an operation, together. */
export type RestParameters<O extends RestReadName> = RestPath<O> &
  ([QuerySchema<O>] extends [never] ? Record<never, never> : QueryOf<QuerySchema<O>>);

/** Operations that return pages. */
export type RestPagedName = {
  [O in RestReadName]: RestAnswer<O> extends { items: unknown[] } ? O : never;
}[RestReadName];

export type RestItem<O extends RestPagedName> = RestAnswer<O> extends { items: (infer I)[] } ? I : never;

/** The argument is optional if no parameter is required. */
export type RestArguments<O extends RestReadName> =
  Record<never, never> extends RestParameters<O> ? [parameters?: RestParameters<O>] : [parameters: RestParameters<O>];
