import Journal

/// An environment variable that means something to this program. osqueryd hands its own on to its extensions.
enum Variable: String, CaseIterable {
    case plugins = "OSQUERY_EXTENSION_PLUGINS"
    case sandbox = "OSQUERY_EXTENSION_SANDBOX"
    case spool = "OSQUERY_JOURNAL_SPOOL"
    case spoolLimit = "OSQUERY_JOURNAL_SPOOL_MAX"
    case wait = "OSQUERY_JOURNAL_WAIT"
    case sequence = "OSQUERY_JOURNAL_SEQUENCE"
    case stateDirectory = "STATE_DIRECTORY"
    case queries = "OSQUERY_DISTRIBUTED_DIRECTORY"
    #if Gist
        case gist = "OSQUERY_CONFIG_GIST"
        case fallback = "OSQUERY_CONFIG_GIST_FALLBACK"
        case tokenFile = "OSQUERY_CONFIG_GIST_TOKEN_FILE"
        case token = "OSQUERY_CONFIG_GIST_TOKEN"
        case gistURL = "OSQUERY_CONFIG_GIST_URL"
        case proxy = "HTTPS_PROXY"
        case noProxy = "NO_PROXY"
        case certificates = "SSL_CERT_FILE"
    #endif

    /// What it means, as one sentence.
    var meaning: String {
        switch self {
        case .plugins: "Which plugins are registered, with commas between: \(Plugins.names.joined(separator: ", "))."
        case .sandbox: "0 lets the extension write anywhere; 1 confines it to its folders."
        case .spool: "The directory for logs that journald does not take, as an absolute path; mode 0700."
        case .spoolLimit: "How much of them is kept, in bytes or with K, M or G."
        case .wait: "Seconds to wait for a journald that stands still before logs go to disk, from 0 to 240."
        case .sequence:
            "0 leaves out OSQUERY_STREAM and OSQUERY_SEQUENCE, by which a replay finds out what is in the journal."
        case .stateDirectory:
            "What systemd's StateDirectory= names: the spool's directory, and the last good configuration's."
        case .queries: "The folder for live queries, of osqueryd's user, mode 0700."
        #if Gist
            case .gist: "The gist that holds osquery.conf: ID, OWNER/ID or URL; with /SHA a revision."
            case .fallback:
                "A file with the configuration to use while there is none from the gist, and none kept."
            case .tokenFile: "A file, mode 0600, with a token for secret gists and a higher rate limit."
            case .token: "The token itself."
            case .gistURL: "The REST API, for GitHub Enterprise: https://HOST/api/v3."
            case .proxy: "The proxy to reach GitHub by."
            case .noProxy: "Hosts and domains that are reached without it, with commas between."
            case .certificates: "A file of the root certificates to trust."
        #endif
        }
    }

    /// What holds where it is not set.
    var defaultValue: String {
        switch self {
        case .plugins: "all"
        case .sandbox, .sequence: "1"
        case .spool: "STATE_DIRECTORY"
        case .spoolLimit: "\(Self.journalDefaults.spoolLimit >> 20)M"
        case .wait: "\(Self.journalDefaults.wait / 1000)"
        case .stateDirectory: JournalSettings.defaultDirectory
        case .queries: "none"
        #if Gist
            case .gist, .fallback, .tokenFile, .token, .proxy, .noProxy: "none"
            case .gistURL: "https://api.github.com"
            case .certificates: "the system's"
        #endif
        }
    }

    private static let journalDefaults = JournalSettings(environment: { _ in nil }, complain: { _ in })
}
