# bash completion for handfast(1)

_handfast_interfaces()
{
    ls /sys/class/net 2>/dev/null
    echo any
}

# _handfast_list WORD -W WORDS: completes the last element of a list with commas.
_handfast_list()
{
    local before=
    [[ $1 == *,* ]] && before=${1%,*},
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$3" -- "${1##*,}")
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
    --keylog | --crl | --password-file | -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        return
        ;;
    --to)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        return
        ;;
    --gateway | --filter | --message | --width)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-i --interface --filter --message --trust --password-file
            --crl --keylog --gateway --prove --to --only --summary --json -o --output --color --width
            --no-progress -h --help --version' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(
        compgen -d -- "$cur"
        compgen -f -X '!*.@(pcap|pcapng|cap|dmp)?(.gz|.zst)' -- "$cur"
    )
    compopt -o filenames
}

_handfast_check()
{
    local cur=$1 prev=$2
    case "$prev" in
    --purpose)
        mapfile -t COMPREPLY < <(compgen -W 'server client any' -- "$cur")
        return
        ;;
    --profile)
        mapfile -t COMPREPLY < <(compgen -W 'careful tls' -- "$cur")
        return
        ;;
    --as)
        _handfast_list "$cur" -W 'all openssl java go python python-strict nss gnutls node chrome'
        return
        ;;
    --starttls)
        mapfile -t COMPREPLY < <(compgen -W 'smtp lmtp imap pop3 ftp nntp sieve xmpp ldap postgres
            mysql mssql rdp' -- "$cur")
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
    --fix)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        compopt -o filenames
        return
        ;;
    --host | --connect | --timeout | --at | --warn | --strength | --width)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--password-file --starttls --connect --timeout --keylog
            --trust --host --purpose --at --crl --ocsp --warn --partial-chain --no-partial-chain
            --as --profile --strength --against --fix --json --color --width --no-progress -h --help
            --version' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames
}

_handfast_probe()
{
    local cur=$1 prev=$2
    case "$prev" in
    --starttls)
        mapfile -t COMPREPLY < <(compgen -W 'smtp lmtp imap pop3 ftp nntp sieve xmpp xmpp-server ldap
            postgres mysql mssql rdp irc' -- "$cur")
        return
        ;;
    --fail-on)
        mapfile -t COMPREPLY < <(compgen -W 'info low medium high none' -- "$cur")
        return
        ;;
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
        return
        ;;
    --proxy-protocol)
        mapfile -t COMPREPLY < <(compgen -W '1 2' -- "$cur")
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
    --as)
        _handfast_list "$cur" -W 'all java7 java8 java8-old java11 java17 android4.4 android5 android7
            android8 android10 openssl0.9.8 openssl1.0.1 openssl1.0.2 openssl1.1.0 openssl1.1.1 openssl3 curl
            python3.11 libpq node20 go1.19 gnutls3.7 wget git chrome chrome-no-pq
            firefox ios7 ios9 ios10 ios17 ie8-xp ie11 ie11-win10 edge15
            dotnet-win2012'
        return
        ;;
    --policy)
        mapfile -t COMPREPLY < <(
            compgen -W 'modern intermediate old' -- "$cur"
            compgen -f -- "$cur"
        )
        compopt -o filenames
        return
        ;;
    --targets | --resume | --cert | --key | --replay | --baseline | -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        return
        ;;
    --connect | --proxy | --sni | --alpn | --parallel | --rate | --connections | --timeout | --max-time | --width)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--targets --resume --starttls --connect -4 --ipv4 -6 --ipv6
            --proxy --proxy-protocol --sni --alpn --cert --key --trust --polite --parallel --rate
            --connections --timeout --max-time --as --policy --baseline --replay --json --brief --fail-on -o --output --color --width
            --no-progress -h --help --version' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
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
            --pcapng --listen -h --help --version' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -c -- "$cur")
}

_handfast_gateway()
{
    local cur=$1 prev=$2
    case "$prev" in
    -d | --dir)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        compopt -o filenames
        return
        ;;
    --api-cert | --api-key | --nginx | --module)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames
        return
        ;;
    -l | --listen | -o | --org | -e | --env | --admin | --http-port | --https-port)
        return
        ;;
    --host)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
        return
        ;;
    restart)
        mapfile -t COMPREPLY < <(compgen -W 'router message-processor collector' -- "$cur")
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-d --dir -l --listen --api-cert --api-key --nginx --module -o --org
            -e --env --admin --host --http-port --https-port -h --help --version' -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W 'status stop reload restart' -- "$cur")
}

_handfast()
{
    local cur=${COMP_WORDS[COMP_CWORD]}
    local prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $cur == = ]]; then # readline cuts --option=value in three
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'explain check probe run gateway help version --help --version' -- "$cur")
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
    check)
        _handfast_check "$cur" "$prev"
        ;;
    probe)
        _handfast_probe "$cur" "$prev"
        ;;
    run)
        _handfast_run "$cur" "$prev"
        ;;
    gateway)
        _handfast_gateway "$cur" "$prev"
        ;;
    help)
        mapfile -t COMPREPLY < <(compgen -W 'explain check probe run gateway' -- "$cur")
        ;;
    esac
}

complete -F _handfast handfast
