//! What a `FROM` can name: sources and views. Views are inlined: their columns are expressions over the columns of
//! one source, or over the results of one window, their conditions a list of filters over them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion_common::{Column, DFSchema};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::tokenizer::Location;

use crate::grouped::WindowSelect;
use crate::query::{ColumnDef, JobQuery};
use crate::refusal::Refusal;

/// Where rows come from.
#[derive(Debug, Clone)]
pub(crate) enum Base {
    /// Index into the job's sources.
    Source(usize),
    /// A view over windows.
    Window(Arc<WindowView>),
}

/// A view over windows.
#[derive(Debug)]
pub(crate) struct WindowView {
    pub(crate) name: String,
    pub(crate) base: Base,
    /// Over the columns of the base.
    pub(crate) filters: Vec<Expr>,
    pub(crate) select: WindowSelect,
    /// Where its `FROM` stands.
    pub(crate) at: Location,
}

impl Base {
    /// The source that all comes from.
    pub(crate) fn source(&self) -> usize {
        match self {
            Self::Source(source) => *source,
            Self::Window(view) => view.base.source(),
        }
    }

    /// Windows between the source and these rows.
    pub(crate) fn windows(&self) -> usize {
        self.view().map_or(0, |view| 1 + view.base.windows())
    }

    /// The view over windows, if it is one.
    pub(crate) fn view(&self) -> Option<&WindowView> {
        match self {
            Self::Source(_) => None,
            Self::Window(view) => Some(view),
        }
    }

    /// The name of the time that windows may be over.
    pub(crate) fn event_time<'a>(&self, query: &'a JobQuery) -> Option<&'a str> {
        match self {
            Self::Source(source) => query.sources[*source].event_time.as_deref(),
            Self::Window(_) => Some("window_time"),
        }
    }
}

/// Rows of a source or of windows, changed by views.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) base: Base,
    /// Visible columns over the columns of the base.
    pub(crate) columns: Vec<(String, Expr)>,
    /// Conditions over the columns of the base, first to evaluate first.
    pub(crate) filters: Vec<Expr>,
}

impl Relation {
    pub(crate) fn column(&self, name: &str) -> Option<&Expr> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, expr)| expr)
    }
}

/// All names that a `FROM` may use.
pub(crate) struct Catalog<'a> {
    pub(crate) query: &'a JobQuery,
    relations: HashMap<String, Relation>,
    schemas: Vec<DFSchema>,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(query: &'a JobQuery) -> Result<Self, Refusal> {
        let mut relations = HashMap::new();
        let mut schemas = Vec::new();
        for (source, declared) in query.sources.iter().enumerate() {
            let columns = declared.columns.iter().map(|ColumnDef { name, .. }| {
                (name.clone(), Expr::Column(Column::new_unqualified(name.clone())))
            });
            let base = Base::Source(source);
            let relation = Relation { base, columns: columns.collect(), filters: Vec::new() };
            relations.insert(declared.name.clone(), relation);
            let fields = declared.columns.iter().map(|ColumnDef { name, sql_type, .. }| {
                let event_time = declared.event_time.as_ref() == Some(name);
                Field::new(name, sql_type.kind().data_type(), !event_time)
            });
            let schema = DFSchema::try_from(Schema::new(fields.collect::<Vec<_>>()));
            schemas.push(schema.map_err(|e| Refusal::declared(e.strip_backtrace(), ""))?);
        }
        Ok(Self { query, relations, schemas })
    }

    /// All columns of a base.
    pub(crate) fn schema<'b>(&'b self, base: &'b Base) -> &'b DFSchema {
        match base {
            Base::Source(source) => &self.schemas[*source],
            Base::Window(view) => &view.select.schema,
        }
    }

    pub(crate) fn find(&self, name: &str, at: Location) -> Result<&Relation, Refusal> {
        if let Some(relation) = self.relations.get(name) {
            return Ok(relation);
        }
        if self.query.sinks.iter().any(|sink| sink.name == name) {
            let message = format!("'{name}' is a sink and cannot be read");
            return Err(Refusal::at(at, message, "declare its topic as a source"));
        }
        let message = format!("there is no source or view '{name}'");
        Err(Refusal::at(at, message, self.known()))
    }

    fn known(&self) -> String {
        let mut names: Vec<&str> = self.relations.keys().map(String::as_str).collect();
        names.sort_unstable();
        format!("known here: {}", names.join(", "))
    }

    pub(crate) fn add_view(
        &mut self,
        name: String,
        at: Location,
        relation: Relation,
    ) -> Result<(), Refusal> {
        let sink = self.query.sinks.iter().any(|sink| sink.name == name);
        if sink || self.relations.contains_key(&name) {
            let message = format!("the name '{name}' is taken");
            return Err(Refusal::at(at, message, "sources, sinks and views share one name space"));
        }
        self.relations.insert(name, relation);
        Ok(())
    }
}
