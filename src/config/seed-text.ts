/** The seeded keybindings.yaml, in the format of the Go CLI. */
export const KEYBINDINGS = `# Keys of infer chat. A binding names an action and the keys for it; these are the defaults.
#
# bindings:
#   mode_cycle_agent_mode:                      # standard, plan, auto-accept
#     keys: [shift+tab]
#   global_cancel:                              # interrupt the turn
#     keys: [esc]
#   global_quit:
#     keys: [ctrl+c]
#   text_editing_history_up:                    # the line typed before
#     keys: [up]
#   text_editing_history_down:
#     keys: [down]
#   plan_approval_plan_approval_accept:         # accept the plan, go on in auto-accept
#     keys: [enter, "y"]
#   plan_approval_plan_approval_accept_standard: # accept the plan, approve each step
#     keys: [s]
#   plan_approval_plan_approval_reject:
#     keys: ["n"]
`

/** An example of a shortcut, in the format of the Go CLI. */
export const SHORTCUT = `# Shortcuts: slash commands of your own. In infer chat, /changes runs this one.
shortcuts:
  - name: changes
    description: Show which files have changed since the last commit
    command: git
    args:
      - status
      - --short
`
