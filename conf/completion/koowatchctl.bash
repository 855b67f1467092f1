# Completion of koowatchctl for bash. What a word may become, koowatchctl itself says.

_koowatchctl() {
    local cur words cword candidate

    # Names hold "@", options "=": readline's own words would be cut there.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =:@ cur words cword
    else
        _koowatchctl_words
    fi
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [ "$candidate" = :file ]; then
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "${cur#--*=}")
        else
            COMPREPLY+=("$(printf %q "$candidate")")
        fi
    done < <("${words[0]}" __complete -- "${words[@]:1:cword}" 2>/dev/null)
    _koowatchctl_cut
}

# The words of the line as a shell sees them, without bash-completion.
_koowatchctl_words() {
    local line=${COMP_LINE:0:COMP_POINT}

    read -ra words <<<"$line"
    [ "${#words[@]}" -gt 0 ] || words=(koowatchctl)
    case $line in *[[:space:]]) words+=('') ;; esac
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
}

# readline puts the candidate behind the last character that breaks words.
_koowatchctl_cut() {
    local breaks=${COMP_WORDBREAKS//[^=@:]/} head

    [ -n "$breaks" ] || return 0
    head=${cur%"${cur##*["$breaks"]}"}
    [ -n "$head" ] || return 0
    COMPREPLY=("${COMPREPLY[@]#"$head"}")
}

complete -F _koowatchctl koowatchctl
