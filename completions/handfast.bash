# bash completion for handfast(1)

_handfast_interfaces()
{
    ls /sys/class/net 2>/dev/null
    echo any
}

_handfast_explain()
{
    local cur=$1 prev=$2
    case "$prev" in
    -i | --interface)
        mapfile -t COMPREPLY < <(compgen -W "$(_handfast_interfaces)" -- "$cur")
        return
        ;;
    --only)
        mapfile -t COMPREPLY < <(compgen -W 'failed findings all' -- "$cur")
        return
        ;;
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
        return
        ;;
    --trust)
        mapfile -t COMPREPLY < <(
            compgen -W 'system none' -- "$cur"
            compgen -f -- "$cur"
        )
        compopt -o filenames
        return
        ;;
    --keylog | --crl | -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        return
        ;;
    --gateway | --filter | --message | --width)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-i --interface --filter --message --trust --crl
            --keylog --gateway --only --summary --json -o --output --color --width --no-progress
            -h --help --version' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(
        compgen -d -- "$cur"
        compgen -f -X '!*.@(pcap|pcapng|cap|dmp)?(.gz|.zst)' -- "$cur"
    )
    compopt -o filenames
}

_handfast_run()
{
    local cur=$1 prev=$2 i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
        --output | -o | --keylog | --pcapng | --listen | --color | --width) ((i++)) ;;
        --) _command_offset $((i + 1)); return ;;
        -*) ;;
        *) _command_offset "$i"; return ;;
        esac
    done
    case "$prev" in
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
        return
        ;;
    -o | --output | --keylog | --pcapng | --listen)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        return
        ;;
    --width)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--all --json -o --output --color --width --keylog
            --pcapng --listen -h --help' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -c -- "$cur")
}

_handfast()
{
    local cur=${COMP_WORDS[COMP_CWORD]}
    local prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'explain run help version --help --version' -- "$cur")
        return
    fi
    case "${COMP_WORDS[1]}" in
    explain)
        local extglob
        extglob=$(shopt -p extglob)
        shopt -s extglob
        _handfast_explain "$cur" "$prev"
        $extglob
        ;;
    run)
        _handfast_run "$cur" "$prev"
        ;;
    help)
        mapfile -t COMPREPLY < <(compgen -W 'explain run' -- "$cur")
        ;;
    esac
}

complete -F _handfast handfast
