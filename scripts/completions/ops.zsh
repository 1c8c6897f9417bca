# Made by scripts/generate from the commands' arguments (shtab).

_shtab_scripts_deploy_commands() {
  local _commands=(
    
  )
  _describe 'scripts/deploy commands' _commands
}

_shtab_scripts_deploy_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--image[the image, pinned by its digest]:URI@sha256:…:"
  "--rollback[deploy the image that ran before this one\; also while the stack is being updated]"
  "--prepare[make the repository and the log group, before a first deployment, and end]"
  "*--parameter[a parameter of scripts\/aws\/template.yaml, which describes each]:NAME=VALUE:"
  "--stack[(default\: academy-video-worker)]:NAME:"
  "--dry-run[show the changes, then delete the change set]"
  "--wait[time limit of waiting for the deployment (default\: 1800.0)]:SECONDS:"
  "--json[JSON lines, for other programs]"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_deploy_defaults_added=0


_shtab_scripts_deploy() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/deploy'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_deploy_defaults_added )); then
    if (( ${_shtab_scripts_deploy_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_deploy_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_deploy_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_deploy_options+=(': :_shtab_scripts_deploy_commands' '*::: :->scripts/deploy')
    fi
    _shtab_scripts_deploy_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_deploy_options

  case $state in
    scripts/deploy)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_deploy-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_deploy -N scripts/deploy
else
  # autoload from fpath, call function directly
  _shtab_scripts_deploy "$@"
fi

_shtab_scripts_submit_commands() {
  local _commands=(
    
  )
  _describe 'scripts/submit commands' _commands
}

_shtab_scripts_submit_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--name[job name in Batch\; default\: from the destination]:name:"
  "--detach[print the job\'s id and end]"
  "--queue[(default\: academy-video-batch-queue)]:queue:"
  "--job-definition[(default\: academy-video-batch-jobdef)]:job_definition:"
  "--stack[whose buckets jobs may use (default\: academy-video-worker)]:stack:"
  "--academy[whose share of the queue the job counts for\: letters and digits (default\: the share of jobs that name none)]:ID:"
  "--priority[0 to 9999\: which of an academy\'s jobs start first, the higher ones (default\: the job definition\'s)]:N:"
  "*--environment[environment variable of the container\; everyone who may see the job sees it]:NAME=VALUE:"
  "--vcpus[vCPUs of the job\; default\: as the job definition has it]:N:"
  "--memory[memory of the job, in MiB\; as --vcpus]:MIB:"
  "--poll[(default\: 5.0)]:SECONDS:"
  "--json[JSON lines, for other programs]"
  "--within[with --machines auto\: 15m, 900s, 1h, from now on]:TIME:"
  "--length[with --machines auto\: how long the video is, such as 3h]:TIME:"
  "--list[CSV with a heading, or JSON lines\: source, destination, and options as columns]:FILE:_files"
  "--prefix[each video below s3\:\/\/bucket\/prefix\/]:S3_PREFIX:"
  "*--match[names of uploads below --prefix\; default\: \*.mp4 \*.m4v \*.mov \*.mkv \*.webm \*.avi \*.wmv \*.flv \*.mpg \*.mpeg \*.ts \*.m2ts \*.mts \*.3gp]:PATTERN:"
  "--destination[of rows without one\: s3\:\/\/bucket\/\{stem\}, \{name\} or \{path\} of the source]:TEMPLATE:"
  "--in-flight[jobs in Batch at a time (default\: 100)]:N:"
  "--state[what was done\; default\: FILE.state.jsonl]:FILE:_files"
  "--report-file[the report, as .csv or .json]:FILE:_files"
  "--price[of a vCPU-hour, for costs in the report, and of --machines auto]:PRICE:"
  "--skip-bad[submit the good rows where others are faulty]"
  "--dry-run[check, and show what would be done]"
  "--from[where the video begins, on the timeline of all parts\: HH\:MM\:SS.mmm, MM\:SS or seconds\; exact to the frame and the sample (default\: 0)]:TIME:"
  "--to[where the video ends, as --from\; default\: at the end of the last part]:TIME:"
  "--time-limit[seconds this job may take\; it stops by itself, checkpointed, a tenth of it (60 s at most) before that (default\: 14400)]:SECONDS:"
  "--ladder[rung heights (of the short side), comma-separated\; the source is never scaled up, and the first rung has the source\'s own size where that is smaller\; auto\: 1080,720,480 without those that a sample encode shows to be hardly lighter than the next (default\: auto)]:H,H,…:"
  "--publish-when[publish when all rungs are made, or first the lowest one with the audio, to which the others are added\; all where a video is published there already, where several machines make it, and where the time limit leaves no room for a second pass (default\: all)]:{all,first-rung}:"
  "--max-frame-rate[frames per second at most\; a faster source is divided evenly (60 to 30, 50 to 25) (default\: 30)]:FPS:"
  "--copy-top[copy the source\'s own H.264 as the top rung where it fits\; auto\: where a sample encode also shows that an encode would hardly be lighter (default\: auto)]:{auto,always,never}:"
  "--preset[x264 preset\; auto\: faster, in lower rungs veryfast, and superfast where the time limit requires it\; a named one is kept (default\: auto)]:{auto,ultrafast,superfast,veryfast,faster,fast,medium,slow,slower}:"
  "--segment[segment length, rounded to whole frames\; auto\: 6, or 12 where a sample encode shows that the video hardly moves (default\: auto)]:SECONDS:"
  "--parallel-spans[FFmpeg processes at a time, each with its own memory\; auto\: one for each core, GiB of memory and two minutes of video, one where keyframes are far apart (default\: auto)]:N:"
  "--audio-language[language of the audio track to take where there are several (ko, en)\; default\: the upload\'s own choice]:CODE:"
  "--loudness[bring the audio to this loudness (EBU R128), -16 for example\: measured first, then one gain for the whole, peaks limited (default\: off)]:LUFS:"
  "--speech[clean\: bring speech forward, with less hum and steady noise, evened, and at --loudness, or -16 LUFS without it\; music and silence stay as they are (default\: off)]:{off,clean}:"
  "--audio[where players find the audio\: in a rendition of its own, which each quality shares, or muxed into the segments of each quality, for CDNs and players that know no audio rendition\; a variant of audio alone is there in either case (default\: separate)]:{separate,muxed}:"
  "--audio-only[what becomes of an upload without video, such as an MP3\: refuse ends the job with 65, audio_only\; allow publishes its audio, with its cover or a waveform as the thumbnail (default\: refuse)]:{refuse,allow}:"
  "--captions[captions in the video\'s frames (CEA-608 and CEA-708, as broadcasts have them)\: embedded publishes them as WebVTT, off leaves them out (default\: embedded)]:{embedded,off}:"
  "*--subtitles[a file of subtitles beside the upload (SRT, WebVTT or SAMI), published in this language, such as ko\=s3\:\/\/bucket\/talk.srt\; repeatable]:LANGUAGE=S:"
  "*--download[also publish one file to be downloaded\: mp4 (the top rung and the audio) or m4a (the audio)\; repeatable, also later, without an encode\; it is clear, so not with --encrypt]:FORMAT:"
  "--chapters[find slide changes and publish them as chapters (WebVTT, manifest.json)]:BOOL:"
  "--allow-truncated[publish what there is of an upload that is cut short, instead of refusing it]:BOOL:"
  "--max-duration[longest video that is accepted\; 95000 (26.4 hours) at most, since the clock of MPEG-TS wraps after 26.5 (default\: 43200)]:SECONDS:"
  "--max-source-gib[largest upload that is accepted, in GiB (default\: 64)]:GIB:"
  "--allow-private-sources[accept an https source at an address that is not on the internet\: this machine, its network, its cloud\'s metadata]:BOOL:"
  "--encrypt[encrypt video and audio with AES-128 (docs\/encryption.md)\; needs --key-uri and WORKER_KEY_SECRET]:BOOL:"
  "--key-uri[with --encrypt\: where players request the key, https\:\/\/api.example\/keys\/\{key_id\}\; everybody who reads a playlist sees it]:URL:"
  "--s3-endpoint[URL of an S3-compatible store (R2, MinIO, Ceph, \…), for source and destination alike\; default\: AWS]:URL:"
  "--s3-region[region of the buckets (R2\: auto)\; default\: that of AWS]:REGION:"
  "--source-s3-endpoint[where the source is, if not in the destination\'s store\: a URL, or aws\; the credentials of the destination are not used for it]:URL:"
  "--source-s3-region[region of the source\'s bucket, if it is another one]:REGION:"
  "--allow-private-notify[accept a --notify URL over http, or at an address that is not on the internet\: this machine, its network, its cloud\'s metadata]:BOOL:"
  "--notify[https URL that gets a signed POST when the job starts, moves on, has published and fails (docs\/callbacks.md)\; WORKER_NOTIFY_SECRET signs it]:URL:"
  "*--tag[a name of your own for the video, such as lesson\=4711\: in callbacks, manifest.json and every log line\; may be repeated, ten at most]:KEY=VALUE:"
  "--machines[machines that make this video together, each as a child of one array job (AWS_BATCH_JOB_ARRAY_INDEX) (default\: 1)]:N:"
  "--upload-threads[uploads, and download ranges, at a time\; at least one upload for each four FFmpegs (default\: 8)]:N:"
  "--stall-timeout[seconds without any progress after which FFmpeg is killed (default\: 180)]:SECONDS:"
  "--log-level[least important events to log (default\: info)]:{debug,info,warning,error}:"
  "--report[also write report.html, one page for a person, into the run]:BOOL:"
  "(*)::SOURCE\: s3\:\/\/bucket\/key or a presigned https URL\; several are the parts of one lecture, which are joined in this order\; the last location is DESTINATION\: s3\:\/\/bucket\/prefix:"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_submit_defaults_added=0


_shtab_scripts_submit() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/submit'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_submit_defaults_added )); then
    if (( ${_shtab_scripts_submit_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_submit_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_submit_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_submit_options+=(': :_shtab_scripts_submit_commands' '*::: :->scripts/submit')
    fi
    _shtab_scripts_submit_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_submit_options

  case $state in
    scripts/submit)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_submit-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_submit -N scripts/submit
else
  # autoload from fpath, call function directly
  _shtab_scripts_submit "$@"
fi

_shtab_scripts_jobs_commands() {
  local _commands=(
    
  )
  _describe 'scripts/jobs commands' _commands
}

_shtab_scripts_jobs_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--status[only these]:status:(SUBMITTED PENDING RUNNABLE STARTING RUNNING SUCCEEDED FAILED)"
  "--name[only of this name\; NAME\* begins so]:NAME:"
  "--since[only of the last 30m, 24h, 7d]:AGE:"
  "--limit[jobs listed (default\: 30)]:N:"
  "--queue[(default\: academy-video-batch-queue)]:queue:"
  "--tail[log lines shown (default\: 20)]:N:"
  "--poll[(default\: 5.0)]:SECONDS:"
  "--json[JSON lines, for other programs]"
  "--follow[follow the job to its end]"
  "--retry[submit failed jobs again whose outcome says so]"
  "--terminate[terminate the jobs (SIGTERM)]"
  "--all-failed[retry each video whose newest job failed]"
  "--vcpus[with --retry\: vCPUs, instead of the former]:N:"
  "--memory[with --retry\: memory in MiB, likewise]:MIB:"
  "--report[what jobs did in a month, by academy\: month, last-month, or 2026-11]:MONTH:"
  "--log-group[of --report (default\: \/aws\/batch\/academy-video-worker)]:log_group:"
  "--price[of a vCPU-hour, for costs in --report]:PRICE:"
  "--reason[why\; Batch keeps it as the job\'s status reason]:reason:"
  "--yes[terminate many without being asked]"
  "--dry-run[show what --terminate or --retry would do]"
  "(*)::show this job in detail:"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_jobs_defaults_added=0


_shtab_scripts_jobs() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/jobs'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_jobs_defaults_added )); then
    if (( ${_shtab_scripts_jobs_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_jobs_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_jobs_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_jobs_options+=(': :_shtab_scripts_jobs_commands' '*::: :->scripts/jobs')
    fi
    _shtab_scripts_jobs_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_jobs_options

  case $state in
    scripts/jobs)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_jobs-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_jobs -N scripts/jobs
else
  # autoload from fpath, call function directly
  _shtab_scripts_jobs "$@"
fi

_shtab_scripts_keep_commands() {
  local _commands=(
    
  )
  _describe 'scripts/keep commands' _commands
}

_shtab_scripts_keep_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--queue[(default\: academy-video-batch-queue)]:queue:"
  "--attempts[resubmissions of a video at most (default\: 3)]:N:"
  "--max-memory[memory that a resubmission may have, as an instance offers it (default\: 14336)]:MIB:"
  "--hours[look back so far\; Batch forgets jobs in about a week (default\: 168)]:H:"
  "--max-jobs[jobs read, the newest first (default\: 3000)]:N:"
  "--topic[SNS topic to which is published, once each, what needs a person]:ARN:"
  "--json[print one JSON object]"
  "--dry-run[show what would be done]"
  "--below[where published folders are looked for]:s3://BUCKET/PREFIX:"
  "--delete-runs-after[run folders that nothing names and that are older\; 0\: none (default)]:DAYS:"
  "--delete-uploads-after[uploads whose video has been published for longer\; 0\: none (default)]:DAYS:"
  "--max-requests[requests to the store for that\; the next run goes on (default\: 500)]:N:"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_keep_defaults_added=0


_shtab_scripts_keep() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/keep'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_keep_defaults_added )); then
    if (( ${_shtab_scripts_keep_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_keep_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_keep_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_keep_options+=(': :_shtab_scripts_keep_commands' '*::: :->scripts/keep')
    fi
    _shtab_scripts_keep_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_keep_options

  case $state in
    scripts/keep)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_keep-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_keep -N scripts/keep
else
  # autoload from fpath, call function directly
  _shtab_scripts_keep "$@"
fi

_shtab_scripts_verify_commands() {
  local _commands=(
    
  )
  _describe 'scripts/verify commands' _commands
}

_shtab_scripts_verify_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--stack[(default\: academy-video-worker)]:NAME:"
  "--all[show each value that is as expected]"
  "--cloudformation-drift[have CloudFormation compare the stack, too\; that takes some minutes]"
  "--wait[time limit of CloudFormation\'s comparison (default\: 300.0)]:SECONDS:"
  "--json[JSON lines, for other programs]"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_verify_defaults_added=0


_shtab_scripts_verify() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/verify'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_verify_defaults_added )); then
    if (( ${_shtab_scripts_verify_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_verify_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_verify_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_verify_options+=(': :_shtab_scripts_verify_commands' '*::: :->scripts/verify')
    fi
    _shtab_scripts_verify_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_verify_options

  case $state in
    scripts/verify)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_verify-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_verify -N scripts/verify
else
  # autoload from fpath, call function directly
  _shtab_scripts_verify "$@"
fi

_shtab_scripts_audit_commands() {
  local _commands=(
    
  )
  _describe 'scripts/audit commands' _commands
}

_shtab_scripts_audit_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--deep[download every object and compare its checksum]"
  "--state[write results there as they come\; an audit with the same file judges only what has changed since]:FILE:_files"
  "--json[print JSON lines instead of a table]"
  "--threads[videos at a time (default\: 8)]:N:"
  "--requests-per-second[requests to the store at most (default\: 100)]:N:"
  "--s3-endpoint[of the store (or WORKER_S3_ENDPOINT\; default\: AWS)]:ENDPOINT:"
  "--s3-region[of the store (or WORKER_S3_REGION\; default\: AWS)]:REGION:"
  "--repair[submit the jobs of damaged videos again, with the options they were made with]"
  "--dry-run[show what --repair would submit]"
  "--doubtful[submit also where there is a doubt, such as options that are not known]"
  "*--option[an option of the worker that the videos were made with, such as loudness\=-16\; repeatable]:NAME=VALUE:"
  "--queue[(default\: academy-video-batch-queue)]:queue:"
  "--job-definition[(default\: academy-video-batch-jobdef)]:job_definition:"
  ":a bucket, a prefix, or a folder of this machine:"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_audit_defaults_added=0


_shtab_scripts_audit() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/audit'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_audit_defaults_added )); then
    if (( ${_shtab_scripts_audit_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_audit_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_audit_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_audit_options+=(': :_shtab_scripts_audit_commands' '*::: :->scripts/audit')
    fi
    _shtab_scripts_audit_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_audit_options

  case $state in
    scripts/audit)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_audit-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_audit -N scripts/audit
else
  # autoload from fpath, call function directly
  _shtab_scripts_audit "$@"
fi

_shtab_scripts_legacy_commands() {
  local _commands=(
    
  )
  _describe 'scripts/legacy commands' _commands
}

_shtab_scripts_legacy_options=(
  "(- : *)"{-h,--help}"[show this help message and exit]"
  "--region[(default\: ap-northeast-2)]:region:"
  "--profile[profile of \~\/.aws\; default\: as AWS configures it]:profile:"
  "--endpoint-url[instead of AWS, such as a test server]:URL:"
  "--dry-run[show what would be done]"
  "--queue[Batch queue (default\: academy-video-batch-queue)]:queue:"
  "--job-definition[(default\: academy-video-batch-jobdef)]:job_definition:"
  "--source-template[drain\: source of the former worker\'s messages, such as s3\:\/\/uploads\/\{file_key\}]:URL:"
  "--destination-template[drain\: their destination, such as s3\:\/\/videos\/\{tenant_id\}\/\{video_id\}]:URL:"
  "--backup[policy\: keep its configuration in a new file]:FILE:_files"
  "--restore[policy\: put back what a file has]:FILE:_files"
  "--json[JSON lines, for other programs]"
  ":(default\: report):(report drain policy)"
)

# guard to ensure default positional specs are added only once per session
_shtab_scripts_legacy_defaults_added=0


_shtab_scripts_legacy() {
  local context state line curcontext="$curcontext" one_or_more='(*)' remainder='(-)*:' default='*::: :->scripts/legacy'

  # Add default positional/remainder specs only if none exist, and only once per session
  if (( ! _shtab_scripts_legacy_defaults_added )); then
    if (( ${_shtab_scripts_legacy_options[(I)${(q)one_or_more}*]} +          ${_shtab_scripts_legacy_options[(I)${(q)remainder}*]} +          ${_shtab_scripts_legacy_options[(I)${(q)default}]} == 0 )); then
      _shtab_scripts_legacy_options+=(': :_shtab_scripts_legacy_commands' '*::: :->scripts/legacy')
    fi
    _shtab_scripts_legacy_defaults_added=1
  fi
  _arguments -C -s $_shtab_scripts_legacy_options

  case $state in
    scripts/legacy)
      words=($line[1] "${words[@]}")
      (( CURRENT += 1 ))
      curcontext="${curcontext%:*:*}:_shtab_scripts_legacy-$line[1]:"
      case $line[1] in
        
      esac
  esac
}



typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  # eval/source/. command, register function for later
  compdef _shtab_scripts_legacy -N scripts/legacy
else
  # autoload from fpath, call function directly
  _shtab_scripts_legacy "$@"
fi
