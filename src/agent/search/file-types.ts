import { ToolError } from '#agent/tool.ts'
import { globFilter, type PathFilter } from './glob.ts'

/** Names of languages to globs, as ripgrep calls the common ones. */
const TYPES: Readonly<Record<string, string>> = {
  c: '*.{c,h}',
  cpp: '*.{cc,cpp,cxx,hh,hpp,hxx,h,inl}',
  cs: '*.cs',
  css: '*.{css,scss,sass,less}',
  csv: '*.csv',
  dart: '*.dart',
  docker: '{Dockerfile,Dockerfile.*,*.dockerfile}',
  elixir: '*.{ex,exs,eex,heex}',
  erlang: '*.{erl,hrl}',
  go: '*.go',
  graphql: '*.{graphql,gql}',
  haskell: '*.{hs,lhs}',
  html: '*.{html,htm,xhtml}',
  java: '*.java',
  js: '*.{js,jsx,mjs,cjs,vue}',
  json: '*.{json,jsonl,ndjson}',
  kotlin: '*.{kt,kts}',
  lua: '*.lua',
  make: '{Makefile,makefile,GNUmakefile,*.mk,*.mak}',
  md: '*.{md,mdx,markdown}',
  perl: '*.{pl,pm,t}',
  php: '*.{php,phtml}',
  proto: '*.proto',
  py: '*.{py,pyi}',
  r: '*.{r,R,Rmd}',
  ruby: '{*.rb,*.gemspec,*.rake,Gemfile,Rakefile}',
  rust: '*.rs',
  scala: '*.{scala,sbt}',
  sh: '*.{sh,bash,zsh,ksh,fish}',
  sql: '*.sql',
  svelte: '*.svelte',
  swift: '*.swift',
  tf: '*.{tf,tfvars}',
  toml: '*.toml',
  ts: '*.{ts,tsx,mts,cts}',
  txt: '*.txt',
  vue: '*.vue',
  xml: '*.{xml,xsd,xsl,svg}',
  yaml: '*.{yaml,yml}',
  zig: '*.zig',
}

const OTHER_NAMES: Readonly<Record<string, string>> = {
  javascript: 'js',
  typescript: 'ts',
  python: 'py',
  golang: 'go',
  rb: 'ruby',
  rs: 'rust',
  markdown: 'md',
  yml: 'yaml',
  bash: 'sh',
  csharp: 'cs',
}

/** The files of a language. Throws a ToolError that lists the languages. */
export function typeFilter(type: string): PathFilter {
  const name = type.toLowerCase()
  const key = Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : name
  const glob = key !== undefined && Object.hasOwn(TYPES, key) ? TYPES[key] : undefined
  if (glob !== undefined) return globFilter(glob)
  throw new ToolError(`there is no file type ${JSON.stringify(type)}; there are ${Object.keys(TYPES).join(', ')}`)
}
