import type { Problem, ProblemCode } from '../contract/messages/problems.js';

const PROBLEM_TYPE = /^\/problems\/(.+)$/;

/** A response that is not a success, as its problem document (RFC 9457). */
export class RestProblem extends Error {
  /** The code of the problem. Null if another program has answered, for example a proxy. */
  readonly code: ProblemCode | null;

  constructor(readonly problem: Problem) {
    super(problem.detail === undefined ? problem.title : `${problem.title}: ${problem.detail}`);
    this.name = 'RestProblem';
    this.code = (PROBLEM_TYPE.exec(problem.type)?.[1] as ProblemCode | undefined) ?? null;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** The problem in a response. */
export async function problemOf(response: Response): Promise<RestProblem> {
  const { status, statusText } = response;
  const unknown: Problem = { type: 'about:blank', title: statusText === '' ? `HTTP ${status}` : statusText, status };
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    await response.body?.cancel();
    return new RestProblem(unknown);
  }
  return new RestProblem({ ...unknown, ...((await response.json()) as Problem) });
}
