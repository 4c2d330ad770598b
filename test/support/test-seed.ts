const USUAL = 20_260_301

/** The seed of everything random in the tests: INFER_TEST_SEED (a number, or `random`), else always the same. */
export function testSeed(): number {
  const asked = process.env.INFER_TEST_SEED ?? ''
  if (asked === 'random') return Date.now() % 1_000_000_000
  return asked === '' ? USUAL : Number(asked)
}
