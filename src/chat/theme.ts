import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** What a piece of text is, as far as its colour goes. */
export type Role = 'user' | 'accent' | 'dim' | 'good' | 'bad' | 'warning' | 'added' | 'removed' | 'strong'

export type ThemeName = 'dark' | 'light' | 'none'

/** Colours of the chat. `paint` leaves text as it is where there are none. */
export interface Theme {
  readonly colour: boolean
  paint(role: Role, text: string): string
}

const FORMATS: Readonly<Record<Exclude<ThemeName, 'none'>, Readonly<Record<Role, Format>>>> = {
  dark: {
    user: ['bold', 'cyanBright'],
    accent: 'cyanBright',
    dim: 'gray',
    good: 'greenBright',
    bad: 'redBright',
    warning: 'yellowBright',
    added: 'green',
    removed: 'red',
    strong: 'bold',
  },
  light: {
    user: ['bold', 'blue'],
    accent: 'blue',
    dim: 'gray',
    good: 'green',
    bad: 'red',
    warning: 'magenta',
    added: 'green',
    removed: 'red',
    strong: 'bold',
  },
}

/** `colour` false (NO_COLOR, --no-color) means none, whatever the name. */
export function themeOf(name: ThemeName, colour: boolean): Theme {
  if (name === 'none' || !colour) return { colour: false, paint: (_, text) => text }
  const formats = FORMATS[name]
  return { colour: true, paint: (role, text) => styleText(formats[role], text, { validateStream: false }) }
}
