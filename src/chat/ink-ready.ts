/**
 * Waits for Ink's layout engine. As a module it is ready once it is imported; in the bundle it says when
 * (scripts/ink-in-commonjs.ts).
 */
export async function inkReady(): Promise<void> {
  const engine = (await import('yoga-layout')) as { readonly ready?: Promise<void> }
  await engine.ready
}
