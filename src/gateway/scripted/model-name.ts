/** The only model that a scripted gateway lists; it answers for every other name too. */
export const SCRIPTED_MODEL = 'mock/model'
