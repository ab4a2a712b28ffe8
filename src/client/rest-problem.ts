import type { Problem, ProblemCode } from '../contract/messages/problems.js';

const PROBLEM_TYPE = /^\/problems\/(.+)$/;

/** An answer that is not a success, as the problem document (RFC 9457) that came with it. */
export class RestProblem extends Error {
  /** What kind of problem; null where something else than Parley has answered, a proxy for instance. */
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

/** The problem that a response tells of. */
export async function problemOf(response: Response): Promise<RestProblem> {
  const { status, statusText } = response;
  const unknown: Problem = { type: 'about:blank', title: statusText === '' ? `HTTP ${status}` : statusText, status };
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    await response.body?.cancel();
    return new RestProblem(unknown);
  }
  return new RestProblem({ ...unknown, ...((await response.json()) as Problem) });
}
