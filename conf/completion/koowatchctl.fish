# Completion of koowatchctl for fish. What a word may become, koowatchctl itself says.

function __koowatchctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l candidates ($words[1] __complete -- $words[2..-1] $current 2>/dev/null)
    if test "$candidates[1]" = :file
        __fish_complete_path (string replace -r '^--[^=]*=' '' -- $current)
    else
        printf '%s\n' $candidates
    end
end

complete -c koowatchctl -f -a '(__koowatchctl_complete)'
