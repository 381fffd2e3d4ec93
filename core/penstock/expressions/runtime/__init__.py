"""What the generated code of the compiled tier calls: jq's operators and builtins on plain JSON values.

Every function takes and returns JSON values and never changes one. Whatever jq answers with an error raises
``Undecided``, so that libjq words it.
"""
